/** The whole screen. */
import { Box } from 'ink';
import type { ReactNode } from 'react';
import { useCockpit } from '../hooks/use-cockpit.js';
import { useKeys } from '../hooks/use-keys.js';
import { useObserving } from '../hooks/use-observing.js';
import { useOutbox } from '../hooks/use-outbox.js';
import { useReadySearch } from '../hooks/use-ready-search.js';
import { useScreenSize } from '../hooks/use-screen-size.js';
import { GAP_COLUMNS, LEAST, type Layout, type Pane, layOutScreen } from '../layout.js';
import type { Cockpit, View } from '../model/state.js';
import type { Outside } from '../perform.js';
import type { Store } from '../store.js';
import { wrap } from '../text.js';
import { useTheme } from '../theme.js';
import { CrashBody } from './crash-body.js';
import { Detail } from './detail.js';
import { EventList, NewestEvents } from './event-list.js';
import { Footer } from './footer.js';
import { FunctionList } from './function-list.js';
import { GenerationList } from './generation-list.js';
import { Header } from './header.js';
import { Line } from './line.js';
import { ListRule } from './list-rule.js';
import { OutputView } from './output-view.js';
import { OverlayBody } from './overlays.js';

export function CockpitScreen({
  store,
  outside,
}: {
  readonly store: Store;
  readonly outside: Outside;
}): ReactNode {
  const cockpit = useCockpit(store);
  const layout = layOutScreen(cockpit.columns, cockpit.lines, {
    isZoomed: cockpit.isZoomed && cockpit.view === 'functions',
    hasEvents: cockpit.view !== 'events',
  });
  useScreenSize(outside);
  useKeys(store, Math.max(layout.list.lines, 1));
  useObserving(outside, cockpit.ended !== undefined, cockpit.view === 'output');
  useReadySearch(cockpit.rows);
  useOutbox(cockpit.outbox, outside);
  if (cockpit.columns < LEAST.columns || cockpit.lines < LEAST.lines)
    return <TooSmall columns={cockpit.columns} lines={cockpit.lines} />;
  return (
    <Box flexDirection="column" width={layout.columns}>
      <Header cockpit={cockpit} columns={layout.columns} />
      <Box flexDirection="column" height={layout.body.lines} overflow="hidden">
        <Body cockpit={cockpit} layout={layout} />
      </Box>
      <NewestEvents log={cockpit.log} columns={layout.columns} lines={layout.eventLines} />
      <Footer cockpit={cockpit} columns={layout.columns} />
    </Box>
  );
}

function TooSmall({
  columns,
  lines,
}: {
  readonly columns: number;
  readonly lines: number;
}): ReactNode {
  const text = `The window is too small: make it ${LEAST.columns} by ${LEAST.lines}, or press q.`;
  return (
    <Box flexDirection="column">
      {wrap(text, columns)
        .slice(0, lines)
        .map((line) => (
          <Line key={line} columns={columns} parts={[{ text: line }]} />
        ))}
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
  const { overlay, crash, view, isZoomed } = cockpit;
  const { list, detail, isWide, body, columns } = layout;
  if (overlay?.kind === 'crash' && crash !== undefined)
    return <CrashBody crash={crash} value={overlay.value} pane={body} />;
  if (overlay !== undefined) return <OverlayBody cockpit={cockpit} pane={body} />;
  if (view !== 'functions')
    return (
      <Box flexDirection="column">
        <ListRule cockpit={cockpit} columns={columns} />
        <WholeList view={view} cockpit={cockpit} pane={{ columns, lines: body.lines - 1 }} />
      </Box>
    );
  if (isZoomed) return <Detail cockpit={cockpit} pane={detail} />;
  return (
    <Box flexDirection={isWide ? 'row' : 'column'}>
      <Box flexDirection="column" width={list.columns}>
        <ListRule cockpit={cockpit} columns={list.columns} />
        <FunctionList cockpit={cockpit} pane={list} />
      </Box>
      {isWide ? <Gap lines={body.lines} /> : null}
      <Detail cockpit={cockpit} pane={detail} />
    </Box>
  );
}

/** A list that has no detail beside it. */
function WholeList({
  view,
  cockpit,
  pane,
}: {
  readonly view: Exclude<View, 'functions'>;
  readonly cockpit: Cockpit;
  readonly pane: Pane;
}): ReactNode {
  switch (view) {
    case 'events':
      return <EventList cockpit={cockpit} pane={pane} />;
    case 'output':
      return <OutputView cockpit={cockpit} pane={pane} />;
    case 'generations':
      // Its headings take a line.
      return <GenerationList cockpit={cockpit} pane={{ ...pane, lines: pane.lines - 1 }} />;
  }
}

/** Between list and detail. */
function Gap({ lines }: { readonly lines: number }): ReactNode {
  const { vertical } = useTheme();
  return (
    <Box flexDirection="column" width={GAP_COLUMNS}>
      {Array.from({ length: lines }, (_, i) => (
        <Line key={i} columns={GAP_COLUMNS} style="dim" parts={[{ text: ` ${vertical} ` }]} />
      ))}
    </Box>
  );
}
