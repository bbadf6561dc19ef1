/** The API's nouns under short names. The only file that knows how the generated schema calls them. */
import type { components } from "./schema.ts";

type Schemas = components["schemas"];
export type Assistant = Schemas["Assistant"];
export type AssistantInput = Schemas["AssistantFields"];
export type Chunk = Schemas["DocumentChunk"];
export type ConnectedProject = Schemas["ConnectedProject"];
export type Citation = Schemas["Citation"];
export type Conversation = Schemas["Conversation"];
export type Document = Schemas["Document"];
export type Message = Schemas["Message"];
export type Model = Schemas["Model"];
export type Problem = Schemas["ErrorBody"];
export type Project = Schemas["Project"];
export type SearchMode = Schemas["SearchMode"];
export type Hit = Schemas["Hit"];
export type SearchResult = Schemas["SearchResult"];
export type Signal = Schemas["Signal"];
export type SessionState = Schemas["SessionState"];
export type Source = Schemas["Source"];
export type Token = Schemas["Token"];
export type Uploaded = Schemas["UploadedFiles"];
export type Usage = Schemas["Usage"];
export type User = Schemas["User"];
export type Visibility = Schemas["Visibility"];
export type WidgetConfig = Schemas["WidgetConfig"];
export type WidgetSettings = Schemas["WidgetSettings"];
export type Workspace = Schemas["Workspace"];
