import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';
import { checkBuilt } from '../check-built.ts';
import { repositoryMarkdown } from '../markdown.ts';
import { anchorOf } from '../pages.ts';
import { stage } from '../stage.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { pages, sidebars } = stage(root);

export default defineConfig({
  title: 'Graft',
  description: 'Transfer learning and meta-learning for TypeScript, on stock ONNX Runtime.',
  lang: 'en',
  srcDir: 'pages',
  outDir: 'dist',
  cacheDir: '../node_modules/.cache/vitepress',
  metaChunk: true, // or each of 900 pages would have the list of all of them in it
  head: [['link', { rel: 'icon', href: '/icon.svg', type: 'image/svg+xml' }]],
  markdown: {
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-default' },
    anchor: { slugify: anchorOf },
    config: (markdown) => repositoryMarkdown(markdown, root, pages),
  },
  themeConfig: {
    nav: [
      ...(pages.some(({ route }) => route === 'guide/index.md')
        ? [{ text: 'Guide', link: '/guide/', activeMatch: '^/guide/' }]
        : []),
      { text: 'Cookbook', link: '/cookbook/', activeMatch: '^/cookbook/' },
      { text: 'Command line', link: '/cli' },
      { text: 'API', link: '/api/', activeMatch: '^/api/' },
      { text: 'Benchmarks', link: '/benchmarks' },
    ],
    sidebar: sidebars,
    outline: [2, 3],
    search: { provider: 'local' },
  },
  buildEnd: ({ outDir }) => checkBuilt(outDir),
});
