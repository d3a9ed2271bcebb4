/* The repository's Markdown as the site shows it: links between files, wide tables, diagrams. */
import { posix } from 'node:path';
import { renderMermaidSVG } from 'beautiful-mermaid';
import type { MarkdownRenderer } from 'vitepress';
import { followLink, type Page } from './pages.ts';

/** What VitePress says of a page while it renders it. */
interface Environment {
  readonly relativePath?: string;
}

/** The address of the site's copy of a file. */
export const copyOf = (file: string) => `/files/${file}`;

export function repositoryMarkdown(markdown: MarkdownRenderer, root: string, pages: readonly Page[]): void {
  const routes = new Map(pages.map((page) => [page.route, page]));

  markdown.core.ruler.push('repository links', ({ tokens, env }) => {
    const page = routes.get((env as Environment).relativePath ?? '');
    if (page === undefined) return; // of the API, whose links TypeDoc has made
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const name = token.type === 'link_open' ? 'href' : 'src';
      const link = token.attrGet(name);
      if (link === null) continue;
      const target = followLink(root, pages, page.source, link);
      if (target.kind === 'page') {
        const from = posix.dirname(page.route);
        const path = target.route === page.route ? '' : posix.relative(from, target.route);
        const relative = path === '' || path.startsWith('.') ? path : `./${path}`;
        token.attrSet(name, target.anchor === '' ? relative : `${relative}#${target.anchor}`);
      }
      if (target.kind === 'file') token.attrSet(name, copyOf(target.file));
    }
  });

  // A header cell without text is not a header to a screen reader.
  markdown.core.ruler.push('empty headers', ({ tokens }) => {
    tokens.forEach((token, i) => {
      if (token.type !== 'th_open' || tokens[i + 1]?.content !== '') return;
      token.tag = 'td';
      tokens[i + 2]!.tag = 'td';
    });
  });

  // A wide table scrolls by itself, also by keyboard.
  markdown.renderer.rules.table_open = () => '<div class="wide" tabindex="0"><table>\n';
  markdown.renderer.rules.table_close = () => '</table></div>\n';

  const fence = markdown.renderer.rules.fence!;
  markdown.renderer.rules.code_block = fence; // of four spaces: the same frame
  let diagrams = 0;
  markdown.renderer.rules.fence = (tokens, i, options, env, renderer) => {
    const { info, content } = tokens[i]!;
    return info.trim() === 'mermaid'
      ? diagram(content, `diagram-${diagrams++}`)
      : fence(tokens, i, options, env, renderer);
  };
}

/** A Mermaid diagram, drawn now, so that the page needs no script for it. Its colours are those of style.css. */
function diagram(text: string, id: string): string {
  const svg = renderMermaidSVG(text, { padding: 8 })
    .replace(/<style>[\s\S]*?<\/style>/, '') // a font of another host, and rules for every svg of the page
    .replaceAll('arrowhead', `${id}-arrowhead`)
    .replace(/ style="[^"]*"/, '')
    .replace('<svg ', '<svg role="img" aria-label="A diagram of what the text around it says" ')
    .replaceAll(/\n\s*/g, '');
  return `<div class="wide diagram" tabindex="0" v-pre>${svg}</div>\n`;
}
