// Uses a running CSMS through types made of its document: what is missing or spelled otherwise there does not compile.
import createClient from "openapi-fetch";
import type { components, paths } from "./csms.js";

declare const process: { env: Record<string, string> };

const client = createClient<paths>({
  baseUrl: process.env.CSMS_URL,
  headers: { Authorization: `Bearer ${process.env.CSMS_ADMIN_API_KEY}` },
});

function is(found: unknown, wanted: unknown): void {
  if (found !== wanted) throw new Error(`${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`);
}

const station = { path: { station_id: "CS-TS" } };
const put = await client.PUT("/api/v1/stations/{station_id}", { params: station, body: { registration: "Pending" } });
const made: components["schemas"]["StationModel"] | undefined = put.data;
is(made?.registration, "Pending");

const listed = await client.GET("/api/v1/stations", { params: { query: { connected: false, limit: 10 } } });
is(listed.data?.items.some((each) => each.id === "CS-TS" && !each.connected), true);

const ended = await client.GET("/api/v1/transactions", { params: { query: { sort: "-ended_at" } } });
is(typeof ended.data === "object" ? ended.data.next_cursor : undefined, null); // a text would be an export

const call = await client.POST("/api/v1/stations/{station_id}/calls/{action}", {
  params: { path: { ...station.path, action: "ClearCache" }, header: { "idempotency-key": "once" } },
  body: {},
});
is(call.response.status, 409);
const outcome = call.error && "outcome" in call.error ? call.error.outcome : undefined;
is(outcome, "not_connected");

const wrong = await client.PUT("/api/v1/stations/{station_id}", { params: station, body: { message_timeout_s: 0 } });
is(wrong.error && "errors" in wrong.error ? wrong.error.errors?.[0]?.pointer : undefined, "/message_timeout_s");

// @ts-expect-error there is no such parameter, and the CSMS refuses it
const guessed = await client.GET("/api/v1/stations", { params: { query: { colour: "x" } } });
is(guessed.response.status, 422);
