import { mount } from 'svelte';
import App from './App.svelte';
import './app.css';
import { loadLanguage } from './lib/i18n.svelte.ts';

const target = document.getElementById('app');
if (!target) throw new Error('index.html has no element with the id app');
await loadLanguage();
mount(App, { target });
