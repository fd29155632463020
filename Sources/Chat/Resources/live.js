"use strict";
// A live tail of one group, and the form that publishes. Data goes into text nodes only.
(() => {
    const kept = 200;
    const tail = document.getElementById("tail");
    const state = document.getElementById("tail-state");

    function line(className, text) {
        const made = document.createElement("div");
        made.className = className;
        made.textContent = text;
        return made;
    }

    /** What is folded can be scrolled, by the keyboard too. */
    function scrolls(data) {
        data.tabIndex = 0;
        data.setAttribute("role", "group");
        data.setAttribute("aria-label", "Data");
    }

    function show(event) {
        const message = JSON.parse(event.data);
        const item = document.createElement("li");
        const time = message.created_at.slice(11, 19);
        const data = line("data", message.data);
        if (message.data.length > 100 || message.data.split("\n", 6).length > 5) scrolls(data);
        item.append(line("meta", `${time} · ${message.event} · ${message.id ?? "not stored"}`), data);
        tail.prepend(item);
        while (tail.childElementCount > kept) tail.lastElementChild.remove();
    }

    function follow(group) {
        const source = new EventSource(`/admin/live/events/?group=${encodeURIComponent(group)}&last=20`);
        source.addEventListener("stream-open", () => { state.textContent = `Following ${group}, newest first.`; });
        source.addEventListener("message", show);
        source.addEventListener("error", () => {
            const isOver = source.readyState === EventSource.CLOSED;
            state.textContent = isOver ? "The stream has ended. Load the page again." : "The connection was lost. Reconnecting …";
        });
    }

    if (tail) follow(tail.dataset.group);

    const form = document.getElementById("publish");
    const published = document.getElementById("published");
    const button = form.querySelector("button");
    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        if (button.disabled) return;
        button.disabled = true;
        const answer = await fetch(form.action, { method: "POST", body: new FormData(form) }).catch(() => null);
        const body = await answer?.json().catch(() => ({}));
        published.textContent = answer?.ok ? `Published as ${body.id}` : body?.detail ?? "The server cannot be reached.";
        button.disabled = false;
    });
})();
