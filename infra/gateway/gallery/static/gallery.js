// Arrow keys turn pages; a changed choice is shown at once; pictures that cannot be shown say so.
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  const to = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  const link = to && document.querySelector(`a[rel=${to}]`);
  if (link) location.href = link.href;
});
for (const select of document.querySelectorAll(".filter select")) {
  select.addEventListener("change", () => select.form.submit());
}
for (const image of document.querySelectorAll("img")) {
  image.addEventListener("error", () => { image.alt = `${image.alt}: cannot be shown`; });
}
