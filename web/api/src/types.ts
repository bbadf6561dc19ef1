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

// Contacts, tickets and analytics.
export type Analytics = Schemas["Analytics"];
export type AnalyticsDay = Schemas["Day"];
export type Contact = Schemas["Contact"];
export type ContactImport = Schemas["ContactImport"];
export type ContactInput = Schemas["ContactFields"];
export type ContactNote = Schemas["ContactNote"];
export type ContactSource = Schemas["ContactSource"];
export type Member = Schemas["WorkspaceMember"];
export type QuestionCluster = Schemas["QuestionCluster"];
export type Ticket = Schemas["Ticket"];
export type TicketChange = Schemas["TicketChange"];
export type TicketComment = Schemas["TicketComment"];
export type TicketInput = Schemas["TicketFields"];
export type TicketPriority = Schemas["Priority"];
export type TicketSource = Schemas["TicketSource"];
export type TicketStatus = Schemas["TicketStatus"];
export type TimelineEntry = Schemas["TimelineEntry"];
