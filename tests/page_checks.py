"""What every page must be: text stays text, and in a browser, as JavaScript to evaluate there."""

from __future__ import annotations

# Whatever people may have typed where a page shows it.
HOSTILE = (
    "<script>window.hacked = 1</script>",
    "</style></title></textarea><img src=x onerror=window.hacked=1>",
    "javascript:window.hacked=1",
    '"\' onmouseover="window.hacked=1',
    "{{ 7 * 7 }}{% raw %}",
    "a\x00b\x07c\x1b[31md\r\ne\x7f",
    "\u202egnp.exe\u2066\u200f",
    "\ud800 alone",
    "שלום עולם",
    "W" * 10_000,
    "-->]]><!--<![CDATA[",
)
OPEN_ALL = "document.querySelectorAll('details').forEach(each => each.open = true)"
TOO_WIDE = """[...document.querySelectorAll('body *')]
    .filter(each => !each.closest('.scroll') && each.getBoundingClientRect().right > innerWidth + 0.5)
    .map(each => each.outerHTML.slice(0, 200))"""
# Of every element with text of its own: WCAG's contrast of the text against the nearest painted background.
LEAST_CONTRAST = """(() => {
    const light = colour => {
        const [r, g, b] = colour.match(/[0-9.]+/g).map(x => x / 255)
            .map(x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const painted = each => {
        const colour = getComputedStyle(each).backgroundColor;
        return colour === 'rgba(0, 0, 0, 0)' ? painted(each.parentElement) : colour;
    };
    const own = each => [...each.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    return Math.min(...[...document.querySelectorAll('body *')].filter(own).map(each => {
        const pair = [light(getComputedStyle(each).color), light(painted(each))].sort((a, b) => b - a);
        return (pair[0] + 0.05) / (pair[1] + 0.05);
    }));
})()"""
HEADINGS = "[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(each => +each.tagName[1])"
LOOSE_HEADERS = "document.querySelectorAll('th:not([scope])').length"
NAMELESS = """[...document.querySelectorAll('a, summary, [role=region], nav, section')]
    .filter(each => !(each.textContent.trim() || each.ariaLabel)).length"""
