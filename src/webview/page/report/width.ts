import { useLayoutEffect, useRef, useState } from 'preact/hooks';

/** The width of a part, px, as it changes: plots label what has room. */
export function useWidth<E extends Element>() {
  const ref = useRef<E>(null);
  const [width, setWidth] = useState(600);
  useLayoutEffect(() => {
    const it = ref.current;
    if (!it) return undefined;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(entry.contentRect.width));
    observer.observe(it);
    return () => observer.disconnect();
  }, []);
  return { ref, width };
}

export const percent = (fraction: number): string => `${(fraction * 100).toFixed(3)}%`;
