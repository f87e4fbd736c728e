/**
 * What an agent wrote, as markdown. Hostile by assumption: marked turns it to HTML without any that
 * the text itself holds, DOMPurify lets a short list of elements pass without any attribute but a
 * link's address, and links are opened by the host. Whatever would get through both, the page's
 * policy runs no inline script or style.
 */
import DOMPurify from 'dompurify';
import { Marked } from 'marked';
import { useMemo } from 'preact/hooks';

/** Beyond this the text is shown as it is: parsing takes time that grows with it. */
const MAX_MARKDOWN = 64 * 1024;

const marked = new Marked({ gfm: true, breaks: true });
marked.use({
  renderer: {
    // HTML in the text is shown as the text it is.
    html: ({ text }) => escape(text),
    // An image would be fetched from wherever the text says: its description stays, as a link.
    image({ href, text }) {
      return `<a href="${escape(href)}">${escape(text || href)}</a>`;
    },
  },
});

const TAGS = [
  ...['p', 'br', 'hr', 'strong', 'em', 'del', 'code', 'pre', 'blockquote', 'ul', 'ol', 'li', 'a'],
  ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'table', 'thead', 'tbody', 'tr', 'th', 'td'],
];

/** Sanitised HTML of a markdown text. */
function render(text: string): string {
  const html = marked.parse(text, { async: false });
  return DOMPurify.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ['href'],
    ALLOWED_URI_REGEXP: /^https?:/i,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
  });
}

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

export function Markdown({ text }: { text: string }) {
  const html = useMemo(() => (text.length > MAX_MARKDOWN ? null : render(text)), [text]);
  if (html === null) return <pre class="plain">{text}</pre>;
  return <div class="markdown" dangerouslySetInnerHTML={{ __html: html }} />;
}
