/** The document of a webview page: strict policy, no inline script or style. Pure. */

export interface PageHtml {
  title: string;
  /** Random, new for each document. */
  nonce: string;
  /** The editor's own source for files of the extension. */
  cspSource: string;
  script: string;
  style: string;
  /** `data-` attributes of the root element. */
  data: Record<string, string>;
}

export function pageHtml({ title, nonce, cspSource, script, style, data }: PageHtml): string {
  const policy = [
    `default-src 'none'`,
    `script-src 'nonce-${nonce}'`,
    `style-src ${cspSource}`,
    `font-src ${cspSource}`,
    `base-uri 'none'`,
    `form-action 'none'`,
  ].join('; ');
  const attributes = Object.entries(data).map(([name, value]) => ` data-${name}="${escape(value)}"`);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escape(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<link rel="stylesheet" href="${escape(style)}">
</head>
<body>
<div id="root"${attributes.join('')}></div>
<script nonce="${nonce}" src="${escape(script)}"></script>
</body>
</html>`;
}

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
