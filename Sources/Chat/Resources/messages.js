"use strict";
// One box chooses all messages of the page.
(() => {
    const all = document.getElementById("all");
    if (!all) return;
    const boxes = [...document.querySelectorAll('#chosen tbody input[type="checkbox"]')];
    const update = () => {
        const chosen = boxes.filter((box) => box.checked).length;
        all.checked = chosen === boxes.length;
        all.indeterminate = chosen > 0 && chosen < boxes.length;
    };
    all.hidden = false;
    all.addEventListener("change", () => boxes.forEach((box) => { box.checked = all.checked; }));
    boxes.forEach((box) => box.addEventListener("change", update));
})();
