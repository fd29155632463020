"use strict";
// The overview: six figures and their last two minutes, from a stream of their own.
(() => {
    const kept = 120;
    const state = document.getElementById("state");
    const charts = [...document.querySelectorAll(".chart")];
    let samples = [];

    const number = new Intl.NumberFormat("en");
    const shorter = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });

    function bytes(value) {
        const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
        let unit = 0;
        while (value >= 1024 && unit < units.length - 1) {
            value /= 1024;
            unit += 1;
        }
        return `${shorter.format(value)} ${units[unit]}`;
    }

    function text(figure, value) {
        if (value === undefined || value === null) return "–";
        if (figure === "database_bytes") return bytes(value);
        if (figure === "publish_milliseconds") return `${shorter.format(value)} ms`;
        return number.format(value);
    }

    function part(chart, tag, name) {
        const svg = chart.querySelector("svg");
        let found = svg.querySelector("." + name);
        if (!found) {
            found = document.createElementNS("http://www.w3.org/2000/svg", tag);
            found.setAttribute("class", name);
            svg.append(found);
        }
        return found;
    }

    function draw(chart) {
        const figure = chart.dataset.figure;
        const values = samples.map((sample) => sample[figure] ?? 0);
        const latest = figure === "publish_milliseconds"
            ? samples.map((sample) => sample[figure]).filter((value) => value != null).at(-1)
            : samples.at(-1)?.[figure];
        chart.querySelector(".figure").textContent = text(figure, latest);
        const highest = Math.max(...values);
        chart.querySelector(".highest").textContent = `highest ${text(figure, highest)}`;
        const top = Math.max(highest, 1e-9) * 1.05;
        const x = (index) => 240 - (values.length - 1 - index) * (240 / Math.max(values.length - 1, 20));
        const points = values.map((value, index) => `${x(index).toFixed(1)},${(62 - value / top * 58).toFixed(1)}`);
        if (points.length < 2) return;
        part(chart, "polygon", "area").setAttribute("points", `${x(0)},64 ${points.join(" ")} 240,64`);
        part(chart, "polyline", "line").setAttribute("points", points.join(" "));
    }

    function add(sample) {
        if (samples.length && sample.time <= samples.at(-1).time) return;
        samples = [...samples, sample].slice(-kept);
        charts.forEach(draw);
    }

    async function connect() {
        const answer = await fetch("/admin/statistics/").catch(() => null);
        if (answer?.redirected) return location.reload();
        if (answer?.ok) (await answer.json()).forEach(add);
        const source = new EventSource("/admin/statistics/events/");
        source.addEventListener("stream-open", () => { state.textContent = ""; });
        source.addEventListener("message", (event) => add(JSON.parse(event.data)));
        source.addEventListener("error", () => {
            state.textContent = "The connection was lost. Reconnecting …";
            if (source.readyState === EventSource.CLOSED) setTimeout(connect, 3000);
        });
    }

    connect();
})();
