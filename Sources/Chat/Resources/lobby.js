"use strict";
// A user who signs out leaves no draft to the next one in this window.
document.querySelector('form[action="/sign-out/"]')?.addEventListener("submit", () => sessionStorage.removeItem("notify-draft"));
