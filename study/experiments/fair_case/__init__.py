"""How much of the base case's findings hangs on sizes, on where a run starts, and on tolls that are not exact.

- `plugs_capacity`: ``plugs_capacity_nguyen.csv``, claim A3 over plugs and road capacity.
- `starts`: ``starts_nguyen.csv``, the spread of totals over different first flows and metrics.
- `toll_error`: ``tolls_nguyen.csv``, tolls at the flows returned, beside what one vehicle more really costs the others.
- `moved_vehicles`: ``moves_nguyen.csv``, what moving vehicles by hand from path to path still saves at these flows.
- `weather_days`: ``weather_days_nguyen.csv``, times of trips on twenty days of weather.
"""
