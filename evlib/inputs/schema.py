"""The typed sections of a scenario: every field with its unit, and the rules that hold within a section.

The file is longer than others so that all sections, which are one schema, stand together.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from evlib.inputs.reading.local_clock import DAY_MIN, calendar_date, time_zone
from evlib.inputs.reading.sections import Name, Quantity, Section, members, members_or_none, numbers
from evlib.traffic.time_grid import clock_to_min

__all__ = ["ScenarioSpec", "TariffBlock", "check_shares", "minutes_after"]

LEFT_OUT = {"left_out": True}  # of fields that files may leave out, and that then leave a scenario's hash as it is


def minutes_after(clock: str, start_clock: str) -> int:
    """Minutes from one clock time to the next time that the clock shows another.

    Examples
    --------
    >>> minutes_after("00:30", "21:00")
    210
    """
    return (clock_to_min(clock) - clock_to_min(start_clock)) % DAY_MIN


def _clock(value: str) -> str:
    clock_to_min(value)
    return value


def _zone_name(value: str) -> str:
    if value == "trunk":
        raise ValueError("cannot be a zone: results call the buses outside all zones so; choose another name")
    return value


def _study_node(value, info):
    """Nodes of the study are whole numbers; those of a case of one's own may be text."""
    if not (info.context or {}).get("own_case") and (isinstance(value, bool) or not isinstance(value, int)):
        raise PydanticCustomError("node", "Input should be a valid integer")
    return value


def _study_capacity(value, info):
    """Roads of the study share one capacity; those of a case of one's own may have one each."""
    if value is None and not (info.context or {}).get("own_case"):
        raise PydanticCustomError("missing", "Field required")
    return value


def _study_spike(value, info):
    if value is None and not (info.context or {}).get("own_case"):
        raise PydanticCustomError("spike", "Input should be a mapping of its fields")
    return value


Node = Annotated[int | str, BeforeValidator(_study_node)]
Clock = Annotated[str, AfterValidator(_clock)]
ZoneName = Annotated[Name, AfterValidator(_zone_name)]


def check_shares(label: str, sharing) -> None:
    """Refuse members whose shares do not sum to 1, with a ValueError that the reader of the file completes."""
    total = sum(member.share for member in sharing)
    if not sharing or abs(total - 1) > 1e-9:
        raise ValueError(f"{label}' shares sum to {total:.6g}; they must sum to 1")


class Time(Section):
    step_min: float = Quantity("min", gt=0)
    n_steps: int = Quantity("steps", ge=2, le=10_000)
    start_clock: Clock
    loading_step_s: float = Quantity("s", gt=0)
    last_departure_step: int = Quantity("step", ge=0)
    zone: Annotated[str | None, AfterValidator(time_zone)] = Field(default=None, json_schema_extra=LEFT_OUT)
    date: Annotated[str | None, AfterValidator(calendar_date)] = Field(default=None, json_schema_extra=LEFT_OUT)

    @model_validator(mode="after")
    def _consistent(self):
        substeps = self.step_min * 60 / self.loading_step_s
        if abs(substeps - round(substeps)) > 1e-9 or substeps < 1:
            raise ValueError(f"loading_step_s {self.loading_step_s} must divide the step of {self.step_min * 60} s")
        if (self.zone is None) != (self.date is None):
            raise ValueError("zone and date: must both be stated, or none of them: clocks change on certain dates")
        if self.last_departure_step >= self.n_steps:
            raise ValueError(f"last_departure_step {self.last_departure_step} must be below n_steps {self.n_steps}")
        return self


class Roads(Section):
    links_file: str
    nodes_file: str
    capacity_veh_h: Annotated[float | None, BeforeValidator(_study_capacity)] = Quantity("veh/h", default=None, gt=0)
    bpr_alpha: float = Quantity("1", gt=0)
    bpr_power: float = Quantity("1", ge=1)
    background_veh_h: float = Quantity("veh/h", ge=0)
    free_flow_km_h: float | None = Quantity("km/h", default=None, gt=0)
    jam_veh_km_lane: float | None = Quantity("veh/(km lane)", default=None, gt=0)
    lanes: int | None = Quantity("lanes", default=None, ge=1, le=20)
    ev_share: float | None = Quantity("1", default=None, gt=0, le=1)
    od_file: str | None = None


class Origin(Section):
    name: Name
    node: Node
    share: float = Quantity("1", ge=0, le=1)


class Destination(Section):
    name: Name
    node: Node
    share: float = Quantity("1", ge=0, le=1)


class Station(Section):
    name: Name
    node: Node
    bus: int
    plugs: float = Quantity("plugs", gt=0)


class VehicleClass(Section):
    name: Name
    share: float = Quantity("1", ge=0, le=1)
    battery_kwh: float = Quantity("kWh", gt=0)
    charge_kw: float = Quantity("kW", gt=0)
    discharge_kw: float = Quantity("kW", ge=0)
    stay_min: float = Quantity("min", gt=0)
    soc_arrival: float = Quantity("1", ge=0, le=1)
    gain_share: float = Quantity("1", ge=0, le=1)
    vot_cny_h: float = Quantity("CNY/h", gt=0)
    peak_over_mean: float = Quantity("1", ge=1)
    drive_kwh_km: float | None = Quantity("kWh/km", default=None, ge=0)


class Fleet(Section):
    vehicles: float = Quantity("veh", ge=0)
    peak_clock: Clock
    peak_width_min: float = Quantity("min", gt=0)
    soc_type_offset: float = Quantity("1", ge=0, le=0.5)
    soc_min: float = Quantity("1", ge=0, le=1)
    soc_max: float = Quantity("1", ge=0, le=1)
    queue_factor: float = Quantity("1", ge=1)
    eta_charge: float = Quantity("1", gt=0, le=1)
    eta_discharge: float = Quantity("1", gt=0, le=1)
    wear_cny_kwh: float = Quantity("CNY/kWh", ge=0)
    compliance: float = Quantity("1", gt=0, le=1)
    logit_cny: float = Quantity("CNY", ge=0)
    arrival_levels: int | None = Quantity("levels", default=None, ge=2, le=50)
    turn_gain_cny: float | None = Quantity("CNY", default=None, ge=0)
    classes: Annotated[tuple[VehicleClass, ...], members]

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo):
        check_shares("classes", self.classes)
        if self.soc_min > self.soc_max:
            raise ValueError(f"soc_min {self.soc_min} is above soc_max {self.soc_max}")
        for member in self.classes:
            low, high = member.soc_arrival - self.soc_type_offset, member.soc_arrival + self.soc_type_offset
            # Whoever drives in with more than soc_max is full: it exists, and stations give it nothing.
            most, label = (
                (1.0, "1") if (info.context or {}).get("own_case") else (self.soc_max, f"soc_max {self.soc_max}")
            )
            if low < 0 or high > most:
                raise ValueError(
                    f"classes.{member.name}: arrival state of charge {low:.3g}..{high:.3g} (with soc_type_offset) "
                    f"must lie in 0..{label}"
                )
        return self


class Zone(Section):
    name: ZoneName
    buses: Annotated[tuple[int, ...], numbers]
    import_limit_mw: float = Quantity("MW", ge=0)
    export_limit_mw: float = Quantity("MW", ge=0)
    backup_mw: float = Quantity("MW", ge=0)


class Farm(Section):
    name: Name
    kind: Literal["wind", "solar", "other"]
    zone: str
    bus: int
    column: str
    rating_mw: float = Quantity("MW", ge=0)


class Spike(Section):
    zone: str
    peak_mw: float = Quantity("MW", ge=0)
    peak_step: int = Quantity("step", ge=0)
    half_width_min: float = Quantity("min", gt=0)


class TariffBlock(Section):
    name: Name
    from_clock: Clock
    price_cny_kwh: float = Quantity("CNY/kWh")


class Grid(Section):
    buses_file: str
    branches_file: str
    ratings_file: str
    profiles_file: str
    load_column: str
    load_scale: float = Quantity("1", gt=0)
    impedance_divisor: float = Quantity("1", gt=0)
    root_voltage_pu: float = Quantity("pu", gt=0.8, lt=1.2)
    voltage_margin_pu: float = Quantity("pu", ge=0, lt=0.05)
    import_limit_mw: float = Quantity("MW", ge=0)
    reverse_limit_mw: float = Quantity("MW", ge=0)
    backup_ramp_share: float = Quantity("1/step", gt=0, le=1)
    farm_power_factor: float = Quantity("1", default=1.0, gt=0.5, le=1)
    zones: Annotated[tuple[Zone, ...], members]
    farms: Annotated[tuple[Farm, ...], members]
    spike: Annotated[Spike | None, BeforeValidator(_study_spike)]


class FeederTariff(Section):
    name: Name
    blocks: Annotated[tuple[TariffBlock, ...], members]


class Prices(Section):
    import_tariff: Annotated[tuple[TariffBlock, ...], members]
    feeder_tariffs: Annotated[tuple[FeederTariff, ...] | None, members_or_none] = Field(
        None, json_schema_extra=LEFT_OUT
    )
    backup_cny_kwh: float = Quantity("CNY/kWh", ge=0)
    curtailment_cny_kwh: float = Quantity("CNY/kWh", ge=0)
    shedding_cny_kwh: float = Quantity("CNY/kWh", gt=0)
    unserved_cny_kwh: float = Quantity("CNY/kWh", gt=0)
    backup_slope_cny_kwh_mw: float = Quantity("CNY/(kWh MW)", ge=0)
    import_slope_cny_kwh_mw: float = Quantity("CNY/(kWh MW)", ge=0)
    curtailment_slope_cny_kwh_mw: float = Quantity("CNY/(kWh MW)", ge=0)
    shedding_slope_cny_kwh_mw: float = Quantity("CNY/(kWh MW)", ge=0)
    overload_slope_cny_kwh_mw: float = Quantity("CNY/(kWh MW)", gt=0)


class Emissions(Section):
    grid_kg_kwh: float = Quantity("kg/kWh", ge=0, le=2)
    backup_kg_kwh: float = Quantity("kg/kWh", ge=0, le=2)


class CoordinationKeys(Section):
    iterations: int = Quantity("iterations", ge=1, le=1000)
    exact_iterations: int = Quantity("iterations", ge=1, le=1000)
    exact_period: int = Quantity("iterations", ge=1, le=1000)
    schedules: int = Quantity("schedules", ge=1, le=50)
    metric_cny_veh: float = Quantity("CNY/veh", gt=0)
    metric_fall: float = Quantity("1", gt=0, le=1)
    traffic_steps: int = Quantity("steps", ge=0, le=1000)
    damping: float = Quantity("1", gt=0, le=1)
    tol_relative_gap: float = Quantity("1", gt=0, lt=1)
    stop_relative_gap: float | None = Quantity("1", default=None, gt=0, lt=1)
    stop_price_gap: float | None = Quantity("1", default=None, gt=0, lt=1)
    replan_every_steps: int | None = Quantity("steps", default=None, ge=1, le=100)
    replan_iterations: int | None = Quantity("iterations", default=None, ge=1, le=100)
    replan_relative_gap: float | None = Quantity("1", default=None, gt=0, lt=1)
    replan_price_gap: float | None = Quantity("1", default=None, gt=0, lt=1)
    stop_excess_cny_veh: float | None = Quantity("CNY/veh", default=None, gt=0)

    @model_validator(mode="after")
    def _consistent(self):
        if self.exact_iterations > self.iterations:
            raise ValueError(f"exact_iterations {self.exact_iterations} is above iterations {self.iterations}")
        if self.stop_relative_gap is not None and self.stop_relative_gap > self.tol_relative_gap:
            raise ValueError(
                f"stop_relative_gap {self.stop_relative_gap:g} is above tol_relative_gap {self.tol_relative_gap:g}: "
                "the run would end before it counts as converged"
            )
        return self


class Switches(Section):
    """Choices of how to compute; each variant of the study replaces one of these switches or a value."""

    signal: Literal["experienced", "instantaneous"] = "experienced"
    impedance: Literal["smooth_queue", "bpr", "point_queue"] = "smooth_queue"
    station_waiting: Literal["exact", "smooth", "davidson"] = "exact"
    limits: Literal["soft", "hard"] = "soft"
    grid_model: Literal["lindistflow", "cone_final", "cone"] = "lindistflow"
    damping_rule: Literal["decreasing", "constant", "adaptive"] = "decreasing"
    renewable_swap: bool = False
    objective: Literal["system", "user"] = "system"
    trip_end: Literal["station", "destination"] = "station"
    path_set: Literal["enumerated", "generated"] = "enumerated"
    set: Literal["exact", "columns", "zonotope", "zonotope_lagged"] = "exact"


class ScenarioSpec(Section):
    """All sections of a scenario."""

    name: str
    description: str
    time: Time
    roads: Roads
    origins: Annotated[tuple[Origin, ...], members]
    stations: Annotated[tuple[Station, ...], members]
    destinations: Annotated[tuple[Destination, ...], members] = ()
    fleet: Fleet
    grid: Grid
    prices: Prices
    emissions: Emissions
    coordination: CoordinationKeys
    switches: Switches = Switches()
