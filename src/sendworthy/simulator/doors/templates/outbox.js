// Keeps the list fresh: every two seconds, while the page is seen and nobody is typing, it asks whether the newest
// message is another one and, if so, takes the new list. Without it the page is the same, only as old as its loading.
const shown = () => document.querySelector("[data-newest]");

async function refresh() {
  if (document.hidden || document.activeElement instanceof HTMLInputElement) return;
  let page;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    return; // the simulator is down; the next try is soon
  }
  const fresh = page.querySelector("[data-newest]");
  if (!fresh || !shown()) return;
  if (fresh.outerHTML !== shown().outerHTML) shown().replaceWith(fresh);
  document.querySelector("footer").replaceWith(page.querySelector("footer"));
}

setInterval(refresh, 2000);
