import backfills from './backfills.json';
import backtests from './backtests.json';
import calendars from './calendars.json';
import common from './common.json';
import etf from './etf.json';
import findings from './findings.json';
import forecast from './forecast.json';
import gaps from './gaps.json';
import overview from './overview.json';
import register from './register.json';
import runs from './runs.json';
import schedules from './schedules.json';
import scoreboard from './scoreboard.json';
import skill from './skill.json';
import sources from './sources.json';
import type { Messages } from '../en/index.ts';

const messages: Messages = { ...common, ...overview, ...etf, ...findings, ...runs, ...scoreboard, ...schedules, ...forecast, ...register, ...backtests, ...backfills, ...gaps, ...skill, ...sources, ...calendars };
export default messages;
