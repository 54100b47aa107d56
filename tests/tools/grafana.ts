// SPDX-License-Identifier: ISC
// What a dashboard may be, by the types that Grafana publishes, and stricter: a
// panel has the options of its own type and no others. The test appends the
// dashboard to a copy of this file, and typescript checks it (tests/tools/grafana).
import type * as g from '@grafana/schema';
import type * as bargauge from './panels/bargauge';
import type * as stat from './panels/stat';
import type * as statetimeline from './panels/statetimeline';
import type * as table from './panels/table';
import type * as timeseries from './panels/timeseries';

// An enum as it stands in JSON: by the values of its members.
type Plain<T> = unknown extends T ? T
  : T extends string ? `${T}`
  : T extends number | boolean | null | undefined ? T
  : T extends Array<infer U> ? Plain<U>[]
  : { [K in keyof T]: Plain<T[K]> };

type Source = { type: 'prometheus'; uid: '${datasource}' };

// The data source is no part of the schema.
interface Query {
  refId: string;
  datasource: Source;
  expr: string;
  legendFormat: string;
  editorMode: 'code';
  interval: string;
  instant?: boolean;
  range?: boolean;
  format?: 'time_series' | 'table' | 'heatmap';
}

// The properties of a field that are set for it alone.
type Override = {
  matcher: { id: 'byName'; options: string };
  properties: (
    | { id: 'unit'; value: string }
    | { id: 'mappings'; value: Plain<g.ValueMapping[]> }
    | { id: 'custom.cellOptions'; value: Plain<g.TableCellOptions> })[];
};

interface Shown<Type extends string, Options, Custom>
  extends Plain<Omit<g.Panel, 'type' | 'title' | 'description' | 'options' | 'fieldConfig' |
    'targets' | 'datasource' | 'gridPos' | 'id'>> {
  id: number;
  type: Type;
  title: string;
  description: string;
  datasource: Source;
  gridPos: Plain<g.GridPos>;
  options: Plain<Options>;
  targets: Query[];
  fieldConfig: {
    defaults: Plain<Omit<g.FieldConfig, 'custom'>> & { custom?: Plain<Custom> };
    overrides: Override[];
  };
}

// What the panel itself fills in may be left out.
type Panel =
  | Shown<'bargauge', Partial<bargauge.Options>, {}>
  | Shown<'stat', Partial<stat.Options>, {}>
  | Shown<'state-timeline', statetimeline.Options, statetimeline.FieldConfig>
  | Shown<'table', Partial<table.Options>, Partial<table.FieldConfig>>
  | Shown<'timeseries', timeseries.Options, timeseries.FieldConfig>;

interface Row extends Plain<Omit<g.RowPanel, 'panels' | 'type'>> {
  type: 'row';
  title: string;
  panels: Panel[];
}

// The second half is what Prometheus adds to it.
type Annotation = Plain<Omit<g.AnnotationQuery, 'target'>> & {
  target?: { refId: string; expr: string };
  expr?: string;
  titleFormat?: string;
  useValueForTime?: boolean;
};

interface Variable extends Plain<Omit<g.VariableModel, 'query' | 'current'>> {
  query: string | { query: string; refId: string };
  current: Partial<Plain<g.VariableOption>>;
  definition?: string;
}

interface Board extends Plain<Omit<g.Dashboard, 'panels' | 'templating' | 'annotations' | 'id'>> {
  __inputs: never[];
  __requires: { type: string; id: string; name: string; version: string }[];
  id: null;
  panels: (Panel | Row)[];
  annotations: { list: Annotation[] };
  templating: { list: Variable[] };
}

// That a mistake is seen: else all of this would say nothing.
// @ts-expect-error
export const misspelt: Plain<statetimeline.Options>['showValue'] = 'nevr';
// @ts-expect-error
export const unheard: Partial<Panel> = { colour: 'red' };

