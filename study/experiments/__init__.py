"""Full-size runs whose tables are committed in ``data/results``: ``python -m study results [file ...]``.

- `provenance`: which module makes which file, and whether a file was made by the present code.
- `coordination_methods`: ``methods_nguyen.csv``, the methods of coordination, iteration by iteration.
- `convergence_map`: ``settling_mini.csv``, where loops settle, by damping, demand and limits.
- `strategy_runs`: ``runs_nguyen.csv``, the strategies that the values of coordination are read from.
- `waterfall`: ``waterfall_nguyen.csv``, from the nearest station to the coordinated day, step by step.
- `day_steps`: ``day_nguyen.csv``, two days step by step, for the animation on the site.
- `real_time_days`: ``real_time_nguyen.csv``, signals and rivals in real time, by day of weather and draw of demand.
- `real_time_mini`: ``real_time_mini.csv``, the same for the hand-made case, on a hundred pairs of day and demand.
- `city_runs`: ``city_*.csv``, a synthetic city of 315 stations: how it settles, and its day beside an even spread.
- `city_recipes`: ``city_recipes.csv``, classic roads and feeders from files that are not copied here, by method city.
- `variants`: ``variants_nguyen.csv``, the claims under other assumptions, a verdict each.
- `fair_case`: a map of claim A3 over sizes, the spread over starts, tolls at the flows returned, moves by hand.
- `ensemble`: ``ensemble_nguyen.csv``, the claims under everything that is not known: a room of its own.
- `vehicle_sets`: ``sets_nguyen.csv``, the base case with exact domains, columns and zonotopes.
- `polymatroid_dispatch`: a grid problem over the exact sum of vehicles without losses, for ``domains.csv``.
- `flexible_domains`: ``domains.csv``, what each flexible domain loses, over fleets and prices.
- `individual_vehicles`: ``individual.csv``, feeders with up to 100,000 different vehicles.
- `queue_spillback`: ``spillback_nguyen.csv``, point queues against UXsim, by demand.
- `fleets`: fleets, prices and a toy grid that the comparisons share.
- `uxsim_reference`: the same traffic, driven in UXsim.

``WITHOUT_DRIVING`` makes of the base case, in which driving takes energy, the case without: for tables that compare methods
or sets of one day whatever it is, and for the known answer.
"""

__all__ = ["WITHOUT_DRIVING"]

WITHOUT_DRIVING = {"fleet.classes.*.drive_kwh_km": 0.0}
