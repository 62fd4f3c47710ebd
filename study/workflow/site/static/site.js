"use strict";
// Three things: the menu starts closed on a narrow screen, an interactive figure is loaded when it is unfolded, and the
// search page searches SEARCH_INDEX.

if (window.matchMedia("(max-width: 61.99rem)").matches) {
  for (const part of document.querySelectorAll("details.menu, details.contents")) part.open = false;
}

for (const frame of document.querySelectorAll("details > iframe[data-src]")) {
  frame.parentElement.addEventListener("toggle", () => {
    if (!frame.src) frame.src = frame.dataset.src;
  });
}

function wordsOf(query) {
  return query.toLowerCase().split(/\s+/).filter(Boolean);
}

// Sections that hold every word; those with words in their title come first, otherwise in the order of the site.
function search(index, query) {
  const words = wordsOf(query);
  if (!words.length) return [];
  const hits = [];
  index.forEach(([page, title, link, text], place) => {
    const heading = `${page} ${title}`.toLowerCase();
    const all = `${heading} ${text.toLowerCase()}`;
    if (!words.every((word) => all.includes(word))) return;
    const score = words.filter((word) => title.toLowerCase().includes(word)).length;
    hits.push({ page, title, link, excerpt: excerptOf(text, words), score, place });
  });
  return hits.sort((a, b) => b.score - a.score || a.place - b.place);
}

function excerptOf(text, words) {
  const places = words.map((word) => text.toLowerCase().indexOf(word)).filter((place) => place >= 0);
  const start = Math.max(0, (places.length ? Math.min(...places) : 0) - 80);
  return (start ? "… " : "") + text.slice(start, start + 240) + (text.length > start + 240 ? " …" : "");
}

function show(hits, query) {
  const list = document.getElementById("search-results");
  const shown = hits.slice(0, 40);
  document.getElementById("search-count").textContent = query
    ? `${hits.length} sections${hits.length > shown.length ? `, the first ${shown.length} are shown` : ""}`
    : "";
  list.replaceChildren(
    ...shown.map((hit) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      const text = document.createElement("p");
      link.href = hit.link;
      link.textContent = hit.title === hit.page ? hit.page : `${hit.page}: ${hit.title}`;
      text.textContent = hit.excerpt;
      item.append(link, text);
      return item;
    }),
  );
}

if (document.getElementById("search-results")) {
  const form = document.getElementById("search");
  const query = new URLSearchParams(window.location.search).get("q") || "";
  form.q.value = query;
  show(search(SEARCH_INDEX, query), query);
  form.addEventListener("input", () => show(search(SEARCH_INDEX, form.q.value), form.q.value.trim()));
  form.addEventListener("submit", (event) => event.preventDefault());
}
