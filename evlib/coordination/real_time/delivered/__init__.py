"""What other programs get in every step, as files.

``clock``         times as other programs write them
``ocpi``          stations with the status of their plugs, and prices, as OCPI 2.2.1 Locations and Tariffs
``ocpp``          charging plans of plugged vehicles as OCPP 2.0.1 and 2.1 SetChargingProfile requests
``signal_table``  what drivers are told, by origin, class and station
``folder``        all of them in one folder
"""
