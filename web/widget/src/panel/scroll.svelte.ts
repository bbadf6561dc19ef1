/**
 * Keeps a scrolling element at its end while things are added there, until the reader scrolls up; then it leaves them in
 * peace and says whether there is something new below.
 */

const NEAR = 48;

export function stickToEnd() {
  let away = $state(false);
  let news = $state(false);
  let node: HTMLElement | null = null;
  let last = 0;
  const toEnd = (smooth = false): void =>
    node?.scrollTo({ top: node.scrollHeight, behavior: smooth ? "smooth" : "instant" });

  return {
    get away() {
      return away;
    },
    get news() {
      return news;
    },
    /** Back to the end. */
    stick(smooth = false): void {
      away = news = false;
      toEnd(smooth && !matchMedia("(prefers-reduced-motion: reduce)").matches);
    },
    watch(element: HTMLElement) {
      node = element;
      let height = 0;
      const onscroll = (): void => {
        const { scrollTop, scrollHeight, clientHeight } = element;
        // Upwards goes only the reader, or what has become shorter; growth below moves nothing.
        if (scrollTop < last - 1) away ||= scrollHeight >= height;
        else if (scrollHeight - scrollTop - clientHeight < NEAR) away = news = false;
        last = scrollTop;
      };
      const sizes = new ResizeObserver(() => {
        const grown = element.scrollHeight > height;
        height = element.scrollHeight;
        if (!away) toEnd();
        else if (grown) news = true;
      });
      element.addEventListener("scroll", onscroll, { passive: true });
      sizes.observe(element);
      for (const child of element.children) sizes.observe(child);
      return {
        destroy() {
          element.removeEventListener("scroll", onscroll);
          sizes.disconnect();
        },
      };
    },
  };
}
