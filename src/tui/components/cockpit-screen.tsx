/** The whole screen. */
import { Box } from 'ink';
import type { ReactNode } from 'react';
import { useCockpit } from '../hooks/use-cockpit.js';
import { useKeys } from '../hooks/use-keys.js';
import { useObserving } from '../hooks/use-observing.js';
import { useOutbox } from '../hooks/use-outbox.js';
import { useScreenSize } from '../hooks/use-screen-size.js';
import { type Layout, layOutScreen } from '../layout.js';
import type { Cockpit } from '../model/state.js';
import type { Outside } from '../perform.js';
import type { Store } from '../store.js';
import { useTheme } from '../theme.js';
import { Detail } from './detail.js';
import { EventList, NewestEvents } from './event-list.js';
import { Footer } from './footer.js';
import { FunctionList } from './function-list.js';
import { GenerationList } from './generation-list.js';
import { Header } from './header.js';
import { Line, type Part } from './line.js';
import { OverlayBody } from './overlays.js';
import { count } from '../../terminal/quantity.js';

export function CockpitScreen({
  store,
  outside,
}: {
  readonly store: Store;
  readonly outside: Outside;
}): ReactNode {
  const cockpit = useCockpit(store);
  const layout = layOutScreen(cockpit.columns, cockpit.lines);
  useScreenSize(outside);
  useKeys(store, layout.list.lines);
  useObserving(outside, cockpit.ended !== undefined);
  useOutbox(cockpit.outbox, outside);
  return (
    <Box flexDirection="column" width={layout.columns}>
      <Header cockpit={cockpit} columns={layout.columns} />
      <SearchLine cockpit={cockpit} columns={layout.columns} />
      <Body cockpit={cockpit} layout={layout} />
      <NewestEvents log={cockpit.log} columns={layout.columns} lines={layout.eventLines} />
      <Footer cockpit={cockpit} columns={layout.columns} />
    </Box>
  );
}

function Body({
  cockpit,
  layout,
}: {
  readonly cockpit: Cockpit;
  readonly layout: Layout;
}): ReactNode {
  const { list, detail, isWide, columns } = layout;
  const lines = isWide ? list.lines + 1 : list.lines + 1 + detail.lines + 1;
  if (cockpit.overlay !== undefined)
    return <OverlayBody cockpit={cockpit} layout={layout} lines={lines} />;
  if (cockpit.view === 'events')
    return <EventList cockpit={cockpit} pane={{ columns, lines: lines - 1 }} />;
  if (cockpit.view === 'generations')
    return <GenerationList cockpit={cockpit} pane={{ columns, lines: lines - 1 }} />;
  return (
    <Box flexDirection={isWide ? 'row' : 'column'}>
      <FunctionList cockpit={cockpit} pane={list} />
      {isWide ? <Rule lines={lines} /> : null}
      <Detail cockpit={cockpit} pane={detail} />
    </Box>
  );
}

/** Between list and detail. */
function Rule({ lines }: { readonly lines: number }): ReactNode {
  const { unicode } = useTheme();
  return (
    <Box flexDirection="column" width={3}>
      {Array.from({ length: lines }, (_, i) => (
        <Line key={i} columns={3} style="dim" parts={[{ text: unicode ? ' │ ' : ' | ' }]} />
      ))}
    </Box>
  );
}

/** Which functions are listed. */
function SearchLine({
  cockpit,
  columns,
}: {
  readonly cockpit: Cockpit;
  readonly columns: number;
}): ReactNode {
  const { view, query, isTyping, filter, visible, rows, status, log } = cockpit;
  const parts: Part[] = [{ text: ' ' }];
  if (view === 'generations') {
    parts.push({ text: 'generations', style: 'accent' });
    parts.push({ text: `  ${status?.generations.length ?? 0}, enter rolls to the selected one` });
  } else if (view === 'events') {
    parts.push({ text: 'events', style: 'accent' }, { text: `  ${log.length}` });
  } else if (isTyping || query !== '') {
    parts.push({ text: '/', style: 'accent' }, { text: query, style: 'title' });
    if (isTyping) parts.push({ text: ' ', style: 'selected' });
    parts.push({ text: `  ${visible.length} found`, style: 'dim' });
  } else {
    parts.push({ text: filter === 'all' ? 'functions' : filter, style: 'accent' });
    parts.push({ text: `  ${count(visible.length, 'function')}`, style: 'plain' });
    if (visible.length < rows.length) parts.push({ text: ` of ${rows.length}`, style: 'dim' });
  }
  return <Line columns={columns} parts={[...parts, { text: '' }]} />;
}
