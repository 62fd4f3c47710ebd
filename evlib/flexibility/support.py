"""Least cost of a vehicle at given prices, with a schedule that attains it: exact backward recursion over the stay."""

from evlib.errors import InputError
from evlib.flexibility.schedule import Schedule, cost_at, recourse, usable_prices
from evlib.flexibility.support_compiled import compiled_schedule
from evlib.flexibility.support_specification import specified_schedule

__all__ = ["support"]


def support(domain, prices_cny_kwh, *, kernel="compiled"):
    """Least cost of each vehicle at given prices and a schedule that attains it.

    Parameters
    ----------
    domain : Domain
        n vehicles with up to T usable steps.
    prices_cny_kwh : array_like, shape (n, T)
        Price in each usable step [CNY/kWh], of any sign; irrelevant where t >= n_usable.
    kernel : {"compiled", "numpy"}, optional
        Compiled code, or the executable specification in plain NumPy: the same results to the last bit.

    Returns
    -------
    value_cny : ndarray, shape (n,)
        Least cost, wear, unserved and terminal energy included [CNY]: `cost_of` the schedule.
    schedule : Schedule
        A minimiser. Of equally cheap ones it charges early, discharges late and does neither without need.

    Raises
    ------
    InputError
        If the prices have the wrong shape or are not finite in a usable step, or for another kernel.

    Notes
    -----
    The cost-to-go W_t is convex and piecewise linear in the energy x, and all its slopes are known beforehand: they are
    those of the step costs and of the recourse. So it is enough to follow, for each slope s, the energy up to which W_t
    falls faster, :math:`L_t(s) = \\arg\\min_x W_t(x) - s x`. With :math:`W_t(x) = \\min_d \\phi_t(d) + W_{t+1}(x + d)`,

    .. math:: L_t(s) = \\min(\\max(L_{t+1}(s) - \\arg\\min_d[\\phi_t(d) + s d],\\ low),\\ high)

    where d is the step's change of energy and phi its cost, the lower convex envelope of full discharge, idle and full
    charge, so that the inner minimum is one of these three. (Clipping is exact: the argument of the minimum of a convex
    function over an interval is the free one, clipped.) Inserting two segments into the sorted cost-to-go and clipping
    it left and right is the same computation, written with breakpoints as the unknown. No tolerance enters: slopes are
    compared, never tested for zero, so a common factor on all prices changes nothing.

    Forward, the vehicle charges up to L_{t+1}(s) at the slope s of charging and discharges down to it at the slope of
    discharging. At prices below -wear eta_d / (1 / eta_c - eta_d) idling lies above the chord from discharge to charge;
    then the two slopes are one and the vehicle mixes both on the edge of the hull. O(n T^2) operations on arrays.

    Examples
    --------
    A vehicle wants 10 kWh within two hours and can charge 10 kW: it waits for the cheap hour.

    >>> from evlib.flexibility import vehicle_domain
    >>> domain, _ = vehicle_domain(
    ...     battery_kwh=50, charge_kw=10, discharge_kw=0, soc_arrival=0.5, soc_min=0.2, soc_max=1, gain_kwh=10,
    ...     n_stay_steps=3, n_cut_steps=0, eta_charge=1, eta_discharge=1, wear_cny_kwh=0, unserved_cny_kwh=5,
    ...     terminal_price_cny_kwh=1, step_h=1)
    >>> value_cny, schedule = support(domain, [[0.6, 0.4]])
    >>> value_cny.round(9), schedule.power_kw
    (array([4.]), array([[ 0., 10.]]))
    """
    if kernel not in ("compiled", "numpy"):
        raise InputError(f"kernel {kernel!r}; must be 'compiled' or 'numpy'")
    prices = usable_prices(domain, prices_cny_kwh)
    powers = compiled_schedule(domain, prices) if kernel == "compiled" else specified_schedule(domain, prices)
    cheaper = domain.terminal_price_cny_kwh / domain.eta_charge <= domain.unserved_cny_kwh
    schedule = Schedule(*powers, *recourse(domain, powers[-1][:, -1], terminal_first=cheaper))
    return cost_at(domain, prices, schedule), schedule
