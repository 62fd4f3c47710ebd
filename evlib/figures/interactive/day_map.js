"use strict";
// Sets the elements of a day map to the numbers of a step. Blue and orange differ in grey and for colour-blind readers.
(() => {
  const BLUE = "#0072B2", ORANGE = "#D55E00", STEP_MS = 150;
  const root = document.currentScript.closest(".day-map");
  const { clock, plugs, days } = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
  const [button, slider, output] = ["button", "input", "output"].map((name) => root.querySelector(name));
  const mega = (kw) => (Math.abs(kw) / 1000).toFixed(1);

  const setters = {
    road: (element, share) => setLine(element, share, 5, 0.02),
    line: (element, share) => setLine(element, share, 6, 0.0),
    plugs: (element, used) => {
      const height = 30 * Math.min(used / plugs, 1), foot = +element.previousElementSibling.getAttribute("y") + 30;
      element.setAttribute("y", foot - height);
      element.setAttribute("height", height);
    },
    waiting: (element, vehicles) => { element.textContent = vehicles >= 0.5 ? `${Math.round(vehicles)} wait` : ""; },
    bus: (element, voltage) => {
      const apart = Math.min(Math.abs(voltage - 1) / 0.05, 1);
      element.setAttribute("r", 2.5 + 4 * apart);
      element.style.fill = voltage < 1 ? ORANGE : BLUE;
      element.style.fillOpacity = apart;
    },
    wasted: (element, kw) => { element.textContent = kw >= 50 ? `${mega(kw)} MW wasted` : ""; },
    power: (element, kw) => {
      const verb = Math.abs(kw) < 50 ? "idle" : `${kw > 0 ? "takes" : "gives"} ${mega(kw)} MW`;
      element.textContent = `${element.dataset.name} ${verb}`;
    },
    price: (element, price) => { element.textContent = `${price.toFixed(2).replace("-", "−")} CNY/kWh`; },
  };

  function setLine(element, share, width, least) {
    element.style.strokeWidth = 1.5 + width * Math.min(share, 2.5);
    element.style.stroke = share > 1 ? ORANGE : share > least ? BLUE : "";
  }

  function total(values, ending, step) {
    const keys = Object.keys(values).filter((key) => key.endsWith(` ${ending}`));
    return keys.reduce((sum, key) => sum + values[key][step], 0);
  }

  function show(step) {
    slider.value = step;
    output.textContent = clock[step];
    slider.setAttribute("aria-valuetext", clock[step]);
    for (const panel of root.querySelectorAll("[data-day]")) {
      const values = days[panel.dataset.day];
      for (const element of panel.querySelectorAll("[data-key]")) {
        setters[element.classList[0]](element, values[element.dataset.key][step]);
      }
      const [waiting, used, wasted, backup] =
        ["queue_veh", "occupied_plugs", "curtailed_kw", "backup_kw"].map((ending) => total(values, ending, step));
      panel.querySelector(".status").textContent =
        `${Math.round(waiting)} vehicles wait, ${Math.round(used)} plugs are in use, ${mega(wasted)} MW of wind and sun ` +
        `are wasted, backup generators give ${mega(backup)} MW.`;
    }
  }

  let timer = null;
  function stop() {
    clearInterval(timer);
    timer = null;
    button.textContent = "Play";
  }
  button.addEventListener("click", () => {
    if (timer) return stop();
    if (+slider.value === clock.length - 1) show(0);
    button.textContent = "Pause";
    timer = setInterval(() => {
      show(+slider.value + 1);
      if (+slider.value === clock.length - 1) stop();
    }, STEP_MS);
  });
  slider.addEventListener("input", () => show(+slider.value));
  show(Math.floor(clock.length / 3));
})();
