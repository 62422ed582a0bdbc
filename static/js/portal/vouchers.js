// The list of vouchers: forget on this phone what can no longer be used.
const usable = new Set(document.querySelector("[data-vouchers]").dataset.vouchers.split(" "));

try {
  const kept = JSON.parse(localStorage.getItem("vouchers")) ?? [];
  const left = kept.filter((voucher) => usable.has(voucher.code));
  localStorage.setItem("vouchers", JSON.stringify(left));
} catch {
  // Nothing is kept, then.
}
