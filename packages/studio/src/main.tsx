import './style.css';
import './ui/ui.css';
import { render } from 'preact';
import { Studio } from './studio.tsx';

render(<Studio />, document.getElementById('studio')!);

if (import.meta.env.PROD && 'serviceWorker' in navigator) {
  // Without one the page works all the same, but only with a network.
  navigator.serviceWorker.register(new URL('service-worker.js', document.baseURI)).catch(console.warn);
}
