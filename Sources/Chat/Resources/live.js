"use strict";
// A live tail of groups and patterns, and the form that publishes. What others wrote goes into text nodes only.
(() => {
    /** Rows on the page, and messages that are kept while it is paused. */
    const kept = 200;
    /** Users that are shown of a group, of those that are here. */
    const shownUsers = 10;

    const tools = document.getElementById("tools");
    if (tools) follow(tools.dataset.query);

    function follow(query) {
        const tail = document.getElementById("tail");
        const state = document.getElementById("tail-state");
        const count = document.getElementById("count");
        const pause = document.getElementById("pause");
        const find = document.getElementById("find");
        const address = `/admin/live/events/?${query}`;
        let isPaused = false;
        let held = [];
        let missed = 0;
        let timer = null;

        // MARK: Rows

        function row(message) {
            const item = document.createElement("li");
            const data = line("data", message.data);
            if (message.data.length > 100 || message.data.split("\n", 6).length > 5) scrolls(data);
            const id = message.id ?? "not stored";
            item.append(line("meta", `${message.created_at.slice(11, 19)} · ${message.group} · ${message.event} · ${id}`), data);
            item.text = `${message.group}\n${message.event}\n${message.data}`.toLowerCase();
            return item;
        }

        function isWanted(item) {
            return item.text.includes(find.value.toLowerCase());
        }

        function show(messages) {
            const items = messages.slice(-kept).map(row);
            for (const item of items) item.hidden = !isWanted(item);
            tail.prepend(...items.reverse());
            while (tail.childElementCount > kept) tail.lastElementChild.remove();
        }

        function take(event) {
            const message = JSON.parse(event.data);
            if (isPaused) {
                missed += 1;
                held.push(message);
                if (held.length > kept) held.shift();
            } else {
                show([message]);
            }
            tell();
        }

        /** Says how many there are, at most twice a second: whoever listens to the page hears it. */
        function tell() {
            timer ??= setTimeout(() => {
                timer = null;
                count.textContent = [paused(), filtered()].filter(Boolean).join(" ");
            }, 500);
        }

        function paused() {
            if (!isPaused) return "";
            const came = missed === 1 ? "1 message came" : `${missed.toLocaleString("en")} messages came`;
            return `Paused. Meanwhile ${came}${missed > kept ? `; the newest ${kept} are kept` : ""}.`;
        }

        function filtered() {
            if (!find.value) return "";
            const rows = [...tail.children];
            return `${rows.filter((item) => !item.hidden).length} of ${rows.length} messages have “${find.value}”.`;
        }

        // MARK: Tools

        pause.addEventListener("click", () => {
            isPaused = !isPaused;
            pause.setAttribute("aria-pressed", isPaused);
            if (!isPaused) show(held);
            [held, missed] = [[], 0];
            tell();
        });
        document.getElementById("clear").addEventListener("click", () => {
            tail.replaceChildren();
            [held, missed] = [[], 0];
            tell();
        });
        find.addEventListener("input", () => {
            for (const item of tail.children) item.hidden = !isWanted(item);
            tell();
        });

        // MARK: The stream

        const resets = {
            expired: "Messages after that id were removed: all that are still stored follow.",
            "unknown-epoch": "That id is of another database: only new messages follow.",
            future: "That id was not given out yet: only new messages follow.",
            malformed: "That is no id of a message: only new messages follow.",
            damaged: "A message cannot be read and was passed over.",
        };

        /** A refusal ends `EventSource`, which does not tell why. */
        async function refusal() {
            const end = new AbortController();
            const answer = await fetch(address, { signal: end.signal }).catch(() => null);
            if (answer?.headers.get("Content-Type")?.includes("json")) {
                const problem = await answer.json().catch(() => ({}));
                return problem.detail ?? "The server refuses to tell.";
            }
            end.abort();
            return "The stream has ended. Load the page again.";
        }

        const source = new EventSource(address);
        source.addEventListener("stream-open", () => { state.textContent = "Following, newest first."; });
        source.addEventListener("stream-reset", (event) => {
            const { reason } = JSON.parse(event.data);
            state.textContent = `Following, newest first. ${resets[reason] ?? reason}`;
        });
        source.addEventListener("message", take);
        source.addEventListener("stream-presence", (event) => presence(JSON.parse(event.data)));
        source.addEventListener("error", async () => {
            const isOver = source.readyState === EventSource.CLOSED;
            state.textContent = isOver ? await refusal() : "The connection was lost. Reconnecting …";
        });
    }

    // MARK: Who is here

    const users = new Map();

    /** First all that are here, then who came and who left (docs/protocol.md, "Presence"). */
    function presence(told) {
        if (told.users) users.set(told.group, new Set());
        const here = users.get(told.group) ?? new Set();
        users.set(told.group, here);
        for (const { user } of [...(told.users ?? []), ...(told.joined ?? [])]) here.add(user);
        for (const user of told.left ?? []) here.delete(user);
        // As many as one event tells.
        while (here.size > 50) here.delete(here.values().next().value);
        const names = [...here].slice(0, shownUsers).join(", ");
        const others = told.count - Math.min(here.size, shownUsers);
        const text = `${told.count} here` + (names ? `: ${names}${others > 0 ? ` and ${others} more` : ""}` : "");
        const present = document.getElementById("present");
        present.hidden = false;
        let place = [...present.children].find((child) => child.dataset.group === told.group);
        if (!place) {
            const term = document.createElement("dt");
            term.textContent = told.group;
            place = document.createElement("dd");
            place.dataset.group = told.group;
            present.append(term, place);
        }
        place.textContent = text;
    }

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

    // MARK: Publishing

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
