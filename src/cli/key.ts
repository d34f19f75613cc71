// `volley key ...`: the keys of the HTTP API. A key is printed once, when it is made.

import { type ApiKeyId, type ApiScope, apiScopes } from "../domain/api-key.ts";
import { VolleyError } from "../domain/errors.ts";
import { isUuid } from "../domain/ids.ts";
import { characterFault } from "../domain/text-check.ts";
import { hideNumbers, print, printJson, printTable, say } from "./output.ts";
import { type GlobalOptions, withLedger } from "./run.ts";

export type KeyOptions = GlobalOptions & { readonly json?: boolean };

const NAME_CHARACTERS_MAX = 200;

export async function createKey(
  options: KeyOptions & { readonly name: string; readonly scope: readonly string[] },
): Promise<void> {
  const name = checkName(options.name);
  const scopes = checkScopes(options.scope);
  await withLedger(options, async ({ ledger }) => {
    const { apiKey, key } = await ledger.apiKeys.create({ name, scopes });
    const shown = ledger.apiKeys.showKey(key);
    if (options.json) return printJson({ ...apiKey, key: shown });
    print(shown);
    say(`Its id is ${apiKey.id}. The key is not shown again.`);
  });
}

export async function listKeys(options: KeyOptions): Promise<void> {
  await withLedger(options, async ({ ledger }) => {
    const keys = await ledger.apiKeys.list();
    if (options.json) return printJson(keys);
    printTable(
      ["ID", "NAME", "SCOPES", "STATE", "CREATED", "LAST USED"],
      keys.map((one) => [
        one.id,
        one.name,
        one.scopes.join(","),
        one.revokedAt === null ? "valid" : `revoked ${one.revokedAt.toISOString()}`,
        one.createdAt.toISOString(),
        one.lastUsedAt?.toISOString() ?? null,
      ]),
    );
  });
}

export async function revokeKey(text: string, options: GlobalOptions): Promise<void> {
  const id = keyId(text);
  await withLedger(options, async ({ ledger }) => {
    if (!(await ledger.apiKeys.revoke(id))) {
      throw new VolleyError("not_found", `There is no valid key ${id}. See: volley key list`);
    }
    say(`Revoked ${id}. Within two seconds no process takes it any more.`);
  });
}

function checkName(name: string): string {
  const fault = characterFault(name);
  if (fault !== null) throw new VolleyError("usage", `--name ${fault}.`);
  if (name.trim() === "" || name.length > NAME_CHARACTERS_MAX) {
    throw new VolleyError("usage", `--name must have 1 to ${NAME_CHARACTERS_MAX} characters.`);
  }
  return name;
}

function checkScopes(names: readonly string[]): ApiScope[] {
  const isScope = (name: string): name is ApiScope => apiScopes.some((scope) => scope === name);
  const wanted = [...new Set(names)];
  const scopes = wanted.filter(isScope);
  if (scopes.length > 0 && scopes.length === wanted.length) return scopes;
  throw new VolleyError("usage", `--scope takes one or more of: ${apiScopes.join(", ")}.`);
}

function keyId(text: string): ApiKeyId {
  const id = text.toLowerCase();
  if (!isUuid(id))
    throw new VolleyError("usage", `"${hideNumbers(text)}" is not a key's id. See: volley key list`);
  return id as ApiKeyId;
}
