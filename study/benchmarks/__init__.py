"""Time and memory, measured into ``build/benchmarks.json``: ``python -m study bench [number ...]``.

- `run`: every number by name, and how it is measured; whole commands are measured here.
- `loading`: the network loading, beside a memory floor and UXsim, and as it grows.
- `grid`: power flow beside pandapower, dispatch solved again, and as buses are added.
- `flexibility`: answers of vehicles beside HiGHS, and dispatch of 100,000 of them.
- `coordination`: seconds by part and to a gap, exchange beside one program, growth with size.
- `before`: the coordinated base case and one look at traffic beside the code of an earlier commit, in a folder named.
- `rivals`: what a day with informed drivers costs, and how far the waterfall is settled.
- `real_time`: seconds of a re-plan and of a day in real time, and what it costs beside the day-ahead plan.
- `city`: a city of 315 stations coordinated with scarce plugs, and as it grows.
- `ensemble`: draws of an ensemble by the core-hour, by two workers, and beside that earlier code.
- `synthetic_network`: made-up networks of a wanted size.
"""
