"use strict";
// The λ at the points of a chart, each moved off its point to where it covers no other λ and, where it can, no point
// and no line: what analysis/labels.py does for figures, here for the size that the chart has just now.
const RINGS = [12, 15, 19, 24, 30, 38, 48]; // px from the point to the middle of the text
const COSTS = { label: 1000, outside: 300, point: 30, stroke: 1, distance: 0.35 };

function placeLabels(chart) {
  const texts = [...chart.querySelectorAll(".mark-text.role-mark text")].filter((text) => text.textContent);
  if (!texts.length) return;
  for (const text of texts) text.style.translate = "0px";
  const frame = chart.querySelector("path.background").getBoundingClientRect();
  const points = [...chart.querySelectorAll(".mark-symbol.role-mark path")].map((point) => middle(boxOf(point)));
  const strokes = [...chart.querySelectorAll(".mark-line.role-mark path, .mark-rule.role-mark line")].flatMap(sampled);
  const labels = texts.map((text) => {
    const home = boxOf(text);
    const places = RINGS.flatMap((ring) => around(ring, home)).map(([x, y, ring]) => {
      const box = moved(home, x, y);
      const covered = (marks, margin) => marks.filter((mark) => contains(box, mark, margin)).length;
      const cost = COSTS.distance * ring + COSTS.point * covered(points, 3) + COSTS.stroke * covered(strokes, 1);
      return { x, y, box, cost: cost + (within(frame, box) ? 0 : COSTS.outside) };
    });
    return { text, places };
  });
  // Each takes its cheapest place in turn, until none wants to move.
  for (let round = 0; round < 4; round++) {
    for (const label of labels) {
      const others = labels.filter((other) => other !== label && other.place).map((other) => other.place.box);
      const total = ({ box, cost }) => cost + COSTS.label * others.filter((other) => meet(box, other)).length;
      const costs = label.places.map(total);
      label.place = label.places[costs.indexOf(Math.min(...costs))];
    }
  }
  for (const { text, place } of labels) text.style.translate = `${place.x}px ${place.y}px`;
}

// Sixteen places on a ring; a wide text moves out sideways by its width, so that its gap to the point is the same.
function around(ring, { left, right, top, bottom }) {
  const wider = Math.max(0, (right - left - (bottom - top)) / 2);
  return Array.from({ length: 16 }, (_, at) => {
    const [x, y] = [Math.cos((at * Math.PI) / 8), Math.sin((at * Math.PI) / 8)];
    return [ring * x + wider * Math.sign(Math.round(x * 1e6)), ring * y, ring];
  });
}

// The line as points some 4 px apart.
function sampled(line) {
  const [length, toPage] = [line.getTotalLength(), line.getScreenCTM()];
  return Array.from({ length: Math.floor(length / 4) + 1 }, (_, at) =>
    line.getPointAtLength(4 * at).matrixTransform(toPage),
  );
}

function boxOf(element) {
  const { left, right, top, bottom } = element.getBoundingClientRect();
  return { left, right, top, bottom };
}

function middle({ left, right, top, bottom }) {
  return { x: (left + right) / 2, y: (top + bottom) / 2 };
}

function moved({ left, right, top, bottom }, x, y) {
  return { left: left + x, right: right + x, top: top + y, bottom: bottom + y };
}

function contains({ left, right, top, bottom }, { x, y }, margin) {
  return x > left - margin && x < right + margin && y > top - margin && y < bottom + margin;
}

function meet(one, other) {
  return one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
}

function within(frame, box) {
  return box.left > frame.left && box.right < frame.right && box.top > frame.top && box.bottom < frame.bottom;
}
