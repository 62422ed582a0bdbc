/* Shows the balance after points are given or taken, before anybody clicks; each wallet in its
   own unit. */
(() => {
  "use strict";

  const place = document.querySelector("[data-change]");
  if (!place) return;
  const form = place.closest("form");
  const wallets = JSON.parse(document.getElementById("wallets").textContent);
  const before = place.querySelector("[data-before]");
  const after = place.querySelector("[data-after]");
  const approval = form.querySelector("[data-approval]");

  function written(amount, wallet) {
    const [whole, cents] = (Math.abs(amount) / 10 ** wallet.decimals).toFixed(wallet.decimals).split(".");
    const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ".");
    return `${amount < 0 ? "−" : ""}${grouped}${cents ? `,${cents}` : ""} ${wallet.unit}`;
  }

  function show() {
    const wallet = wallets[form.elements.wallet.value];
    if (!wallet) return;
    const amount = Number(form.elements.points.value) || 0;
    const sign = form.elements.direction.value === "take" ? -1 : 1;
    const balance = wallet.balance + sign * amount;
    before.textContent = written(wallet.balance, wallet);
    after.textContent = written(balance, wallet);
    place.classList.toggle("is-below", balance < 0);
    approval.textContent = wallet.approval;
    approval.hidden = !wallet.approval;
  }

  form.addEventListener("input", show);
  form.addEventListener("change", show);
  show();
})();
