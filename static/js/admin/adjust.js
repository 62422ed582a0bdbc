/* Shows the balance after points are given or taken, before anybody clicks. */
(() => {
  "use strict";

  const place = document.querySelector("[data-balance]");
  if (!place) return;
  const form = place.closest("form");
  const after = place.querySelector("[data-after]");

  function show() {
    const points = Number(form.elements.points.value) || 0;
    const sign = form.elements.direction.value === "take" ? -1 : 1;
    const balance = Number(place.dataset.balance) + sign * points;
    after.textContent = String(balance).replace(/\B(?=(\d{3})+(?!\d))/g, ".");
    place.classList.toggle("is-below", balance < 0);
  }

  form.addEventListener("input", show);
  show();
})();
