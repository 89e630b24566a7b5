"use strict";
// Sorts a table by the column whose head is clicked; the page is whole without it.
for (const table of document.querySelectorAll("table.sorts")) {
  const body = table.tBodies[0];
  table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (!head) return;
    const up = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const key = (row) => row.cells[head.cellIndex].dataset.v ?? row.cells[head.cellIndex].textContent;
    const order = (a, b) => {
      const [x, y] = [key(a), key(b)];
      const numbers = [x, y].every((text) => text !== "" && Number.isFinite(Number(text)));
      const less = numbers ? x - y : x < y ? -1 : x > y ? 1 : 0;
      return up ? less : -less;
    };
    body.append(...[...body.rows].sort(order));
  });
}
// Reads the day under the pointer off the curve.
const curve = JSON.parse(document.getElementById("curve").textContent);
const chart = document.getElementById("equity");
if (chart && curve.dates.length > 1) {
  const [cross, hit, tip] = [chart.querySelector(".cross"), chart.querySelector(".hit"), document.querySelector(".tip")];
  const [left, width] = [hit.x.baseVal.value, hit.width.baseVal.value];
  const number = (x, places) => x.toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places });
  chart.addEventListener("pointermove", (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(chart.getScreenCTM().inverse());
    const last = curve.dates.length - 1;
    const i = Math.min(last, Math.max(0, Math.round(((at.x - left) / width) * last)));
    cross.setAttribute("transform", `translate(${left + (i / last) * width} 0)`);
    cross.setAttribute("visibility", "visible");
    const index = curve.index[i] === null ? "" : ` · ${curve.name} ${number(curve.index[i], 2)}`;
    tip.innerHTML = `${curve.dates[i]} · <b>${number(curve.equity[i], 2)}</b>`;
    tip.append(index);
  });
  chart.addEventListener("pointerleave", () => {
    cross.setAttribute("visibility", "hidden");
    tip.textContent = "";
  });
}
