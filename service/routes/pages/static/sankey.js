// Draws where ore came from: bands between boxes, by Apache ECharts, in SVG. The table beside it says the same.
"use strict";

// ECharts gives its drawing a style by attribute, which the content security policy forbids; as a property it may.
const setAttribute = Element.prototype.setAttribute;
Element.prototype.setAttribute = function (name, value) {
  if (name === "style") {
    this.style.cssText = value;
  } else {
    setAttribute.call(this, name, value);
  }
};

const COLOURS = {
  issue: "#12406b",
  pool: "#2f74ad",
  tranche: "#5b9bd0",
  quota: "#1f7a54",
  load: "#77889a",
  lot: "#b07a25",
  lost: "#9aa3ad",
  consumed: "#6b5b95",
  product: "#6b5b95",
  unproven: "#a1232b",
  suspense: "#a1232b",
  gained: "#a1232b",
};
const INK = "#1b2733";
const LETTERS = 11;
const COLUMN = 108; // a box, and a name of eight characters in a line
const BOX = 14;
const MARGIN = 12;
const GAP = 6; // between a box and what is said of it, or that and the next box
const WIDEST_END = 132; // beside the last boxes; a longer name is broken
const font = getComputedStyle(document.body).fontFamily;
const ruler = document.createElement("canvas").getContext("2d");
ruler.font = `${LETTERS}px ${font}`;

for (const place of document.querySelectorAll("[data-sankey]")) {
  const drawn = JSON.parse(document.getElementById(place.dataset.sankey).textContent);
  const last = Math.max(...drawn.nodes.map((node) => node.depth));
  const labels = new Map(drawn.nodes.map((node) => [node.name, node]));
  const said = (node) => `${node.label}\n${node.tonnes} ${drawn.unit}`;
  const lines = drawn.nodes.filter((node) => node.depth === last).flatMap((node) => said(node).split("\n"));
  const end = Math.min(Math.ceil(Math.max(...lines.map((line) => ruler.measureText(line).width))) + 1, WIDEST_END);
  const right = GAP + end + MARGIN;
  place.style.minWidth = `${MARGIN + COLUMN * last + BOX + right}px`;
  const room = Math.floor((place.clientWidth - MARGIN - BOX - right) / Math.max(last, 1)) - BOX - GAP;
  place.style.height = `${Math.max(300, 76 * drawn.rows + 70)}px`;
  const chart = echarts.init(place, null, { renderer: "svg" });
  chart.setOption({
    animation: false,
    textStyle: { fontFamily: font, color: INK },
    tooltip: {
      renderMode: "richText",
      confine: true,
      formatter: ({ data, dataType }) =>
        dataType === "edge"
          ? [labels.get(data.source).label, "↓", labels.get(data.target).label, `${data.tonnes} ${drawn.unit}`, ...data.papers].join("\n")
          : said(labels.get(data.name)),
    },
    series: [
      {
        type: "sankey",
        left: MARGIN,
        right,
        top: 20,
        bottom: 36,
        nodeWidth: BOX,
        nodeGap: 26,
        nodeAlign: "left",
        draggable: false,
        layoutIterations: 64,
        emphasis: { focus: "adjacency" },
        lineStyle: { color: "source", opacity: 0.32, curveness: 0.5 },
        label: { position: "right", color: INK, fontSize: LETTERS, lineHeight: 15, overflow: "break", formatter: ({ name }) => said(labels.get(name)) },
        data: drawn.nodes.map((node) => ({
          name: node.name,
          depth: node.depth,
          itemStyle: { color: COLOURS[node.kind] || "#566370", borderWidth: 0 },
          label: {
            width: node.depth === last ? end : room,
            ...(["unproven", "suspense"].includes(node.kind) ? { color: COLOURS.unproven, fontWeight: "bold" } : {}),
          },
        })),
        links: drawn.links.map((link) => ({
          ...link,
          lineStyle: ["unproven", "suspense"].includes(labels.get(link.source).kind) ? { opacity: 0.55 } : {},
        })),
      },
    ],
  });
  new ResizeObserver(() => chart.resize()).observe(place);
}
