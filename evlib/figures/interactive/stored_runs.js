"use strict";
// Shows the frame whose settings are those of the sliders.
(() => {
  const root = document.currentScript.closest(".stored-runs");
  const values = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
  const sliders = [...root.querySelectorAll("input")], outputs = [...root.querySelectorAll("output")];
  const frames = [...root.querySelectorAll(".frame")], none = root.querySelector(".none");

  function show() {
    const chosen = sliders.map((slider, place) => values[place][slider.value]);
    sliders.forEach((slider, place) => {
      outputs[place].textContent = chosen[place];
      slider.setAttribute("aria-valuetext", chosen[place]);
    });
    const wanted = JSON.stringify(chosen);
    let found = false;
    for (const frame of frames) {
      frame.hidden = JSON.stringify(JSON.parse(frame.dataset.settings)) !== wanted;
      found ||= !frame.hidden;
    }
    none.hidden = found;
  }

  for (const slider of sliders) slider.addEventListener("input", show);
  show();
})();
