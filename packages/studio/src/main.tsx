import './style.css';
import './ui/ui.css';
import { render } from 'preact';
import { Studio } from './studio.tsx';

render(<Studio />, document.getElementById('studio')!);
