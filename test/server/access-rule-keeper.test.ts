import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, readdir, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { systemRandom } from '../../src/runtime/random.ts';
import { AccessRuleKeeper } from '../../src/server/access-rule-keeper.ts';
import type { AccessRuleSpec } from '../../src/server/access-rule-spec.ts';
import type { AccessRule } from '../../src/server/access-rule.ts';
import { FakeClock } from '../fake-clock.ts';

const ROOT = 'RootManageSharedAccessKey';
const MADE = /^[A-Za-z0-9+/]{43}=$/;

/** A broker's access rules, with the queues and topics that are in `born`, and what was told of them. */
class Keeping {
  readonly clock = new FakeClock();
  readonly born = new Map<string, number>([
    ['q', 1],
    ['p', 2],
  ]);
  readonly told: (readonly AccessRule[])[] = [];
  readonly faults: unknown[] = [];
  readonly folder: string;
  #keeper: AccessRuleKeeper | undefined;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async start(context: TestContext, rules: readonly AccessRuleSpec[] = [], rootKey?: string): Promise<Keeping> {
    const keeping = new Keeping(await mkdtemp(join(tmpdir(), 'retrain-rules-')));
    context.after(async () => {
      await keeping.#keeper?.close();
      await rm(keeping.folder, { recursive: true });
      assert.deepEqual(keeping.faults, []);
    });
    await keeping.open(rules, rootKey);
    return keeping;
  }

  async open(rules: readonly AccessRuleSpec[] = [], rootKey?: string): Promise<void> {
    await this.#keeper?.close();
    this.#keeper = await AccessRuleKeeper.open({
      dataFolder: this.folder,
      rules,
      rootKey,
      random: systemRandom,
      clock: this.clock,
      bornMs: (entity) => this.born.get(entity),
      onChanged: (changed) => this.told.push(changed),
      onFault: (fault) => this.faults.push(fault),
    });
    await this.#keeper.save();
  }

  get rules(): AccessRuleKeeper {
    if (!this.#keeper) throw new Error('it was not opened');
    return this.#keeper;
  }

  remove(entity: string): void {
    this.born.delete(entity);
    this.rules.forget(entity);
  }

  get text(): Promise<string> {
    return readFile(join(this.folder, 'access-rules.json'), 'utf8');
  }
}

const refused = (work: Promise<unknown>, message: RegExp) =>
  assert.rejects(work, { code: 'CONFIGURATION_INVALID', message });
const namesOf = (rules: readonly AccessRule[]) => rules.map(({ name }) => name);

test('a rule of the namespace that was made while the broker ran has two keys, is told, and is there after a restart', async (context) => {
  const keeping = await Keeping.start(context, [{ name: 'declared', rights: ['Send'] }]);
  const made = await keeping.rules.put(undefined, { name: 'app', rights: ['Listen'] });
  assert.deepEqual([made.name, made.queue, made.rights], ['app', undefined, ['Listen']]);
  assert.match(made.primaryKey, MADE);
  assert.match(made.secondaryKey ?? '', MADE);
  assert.notEqual(made.primaryKey, made.secondaryKey);
  assert.deepEqual(namesOf(keeping.rules.rulesOf(undefined)), [ROOT, 'declared', 'app']);
  assert.deepEqual(keeping.told.at(-1), keeping.rules.rules);
  assert.deepEqual(await readdir(keeping.folder), ['access-rules.json']);
  const before = keeping.rules.rules;
  await keeping.open([{ name: 'declared', rights: ['Send'] }]);
  assert.deepEqual(keeping.rules.rules, before);
});

test('a rule that is put again has the rights that it is given, and the keys that it had', async (context) => {
  const keeping = await Keeping.start(context);
  for (const owner of [undefined, 'q']) {
    const made = await keeping.rules.put(owner, { name: 'app', rights: ['Listen'] });
    keeping.clock.advance(1_000);
    const changed = await keeping.rules.put(owner, { name: 'app', rights: ['Send'] });
    assert.deepEqual(changed, { ...made, rights: ['Send'], modifiedAtMs: (made.modifiedAtMs ?? 0) + 1_000 });
    const told = keeping.told.length;
    const text = await keeping.text;
    keeping.clock.advance(1_000);
    assert.equal(await keeping.rules.put(owner, { name: 'app', rights: ['Send'] }), changed);
    assert.equal(keeping.told.length, told, 'what stays as it is is nothing new');
    assert.equal(await keeping.text, text);
  }
});

test('a rule that is deleted is not in force any more, and has new keys when it is made again', async (context) => {
  const keeping = await Keeping.start(context);
  for (const owner of [undefined, 'q']) {
    const made = await keeping.rules.put(owner, { name: 'app', rights: ['Send'] });
    assert.equal(await keeping.rules.delete(owner, 'app'), true);
    assert.equal(await keeping.rules.delete(owner, 'app'), false);
    assert.doesNotMatch(await keeping.text, /"app"/);
    assert.deepEqual(namesOf(keeping.told.at(-1) ?? []), [ROOT]);
    const again = await keeping.rules.put(owner, { name: 'app', rights: ['Send'] });
    assert.notEqual(again.primaryKey, made.primaryKey);
    await keeping.rules.delete(owner, 'app');
  }
});

test('a key is made anew, or becomes the one that is given; the other stays', async (context) => {
  const keeping = await Keeping.start(context, [{ name: 'declared', rights: ['Send'] }]);
  await keeping.rules.put(undefined, { name: 'app', rights: ['Send'] });
  await keeping.rules.put('q', { name: 'app', rights: ['Send'] });
  for (const [owner, name] of [
    [undefined, ROOT],
    [undefined, 'declared'],
    [undefined, 'app'],
    ['q', 'app'],
  ] as const) {
    const former = keeping.rules.rulesOf(owner).find((rule) => rule.name === name);
    const first = await keeping.rules.renewKey(owner, name, { which: 'primaryKey' });
    assert.match(first?.primaryKey ?? '', MADE);
    assert.notEqual(first?.primaryKey, former?.primaryKey);
    assert.equal(first?.secondaryKey, former?.secondaryKey);
    const key = 'a-key-of-my-own-making';
    const second = await keeping.rules.renewKey(owner, name, { which: 'secondaryKey', key });
    assert.deepEqual([second?.primaryKey, second?.secondaryKey], [first?.primaryKey, key]);
    assert.deepEqual(second?.rights, former?.rights);
    assert.ok(keeping.told.at(-1)?.includes(second as AccessRule));
  }
  assert.equal(await keeping.rules.renewKey('p', 'app', { which: 'primaryKey' }), undefined);
  const before = keeping.rules.rules;
  assert.equal(keeping.rules.root, before[0]);
  await keeping.open([{ name: 'declared', rights: ['Send'] }]);
  assert.deepEqual(keeping.rules.rules, before);
});

test('a rule that stays as it is stays the same object, so that its clients are not looked at again', async (context) => {
  const keeping = await Keeping.start(context, [{ name: 'declared', rights: ['Send'] }]);
  await keeping.rules.put(undefined, { name: 'app', rights: ['Send'] });
  await keeping.rules.put('q', { name: 'app', rights: ['Send'] });
  const before = keeping.rules.rules;
  await keeping.rules.put('p', { name: 'other', rights: ['Send'] });
  await keeping.rules.renewKey(undefined, 'app', { which: 'primaryKey' });
  const after = keeping.rules.rules;
  assert.deepEqual(
    before.map((rule) => after.includes(rule)),
    [true, true, false, true],
  );
});

test('the root rule stays as it is, and so does its key when the broker was given it', async (context) => {
  const keeping = await Keeping.start(context);
  await refused(keeping.rules.delete(undefined, ROOT), /is there always, so it cannot be deleted/);
  await refused(
    keeping.rules.put(undefined, { name: ROOT, rights: ['Send'] }),
    /always has the rights Send,Listen,Manage; make another one/,
  );
  assert.equal(
    await keeping.rules.put(undefined, { name: ROOT, rights: ['Listen', 'Manage', 'Send'] }),
    keeping.rules.root,
  );
  await keeping.open([], 'my-own-root-key-for-it');
  for (const which of ['primaryKey', 'secondaryKey'] as const)
    await refused(
      keeping.rules.renewKey(undefined, ROOT, { which }),
      /was given to the broker \(RETRAIN_ACCESS_KEY or --emulator\), so it cannot be changed here; start the broker with another one, or without/,
    );
  assert.deepEqual(keeping.rules.root.primaryKey, 'my-own-root-key-for-it');
  await keeping.rules.put(undefined, { name: 'app', rights: ['Send'] });
  assert.doesNotMatch(await keeping.text, /my-own/);
});

test('a rule that was declared at the start can be changed only there, but for its keys', async (context) => {
  const declared: readonly AccessRuleSpec[] = [
    { name: 'app', rights: ['Send', 'Listen'] },
    { name: 'app', queue: 'q', rights: ['Send', 'Listen'] },
    { name: 'own', rights: ['Send'], primaryKey: 'a-key-of-my-own-making' },
  ];
  const keeping = await Keeping.start(context, declared);
  for (const [owner, said] of [
    [undefined, 'the namespace'],
    ['q', "'q'"],
  ] as const) {
    const where = `access rule 'app' of ${said} is declared at the start \\(--access-rule\\)`;
    await refused(
      keeping.rules.put(owner, { name: 'app', rights: ['Send'] }),
      new RegExp(`${where} with the rights Send,Listen, not Send; change it there`),
    );
    await refused(
      keeping.rules.delete(owner, 'app'),
      new RegExp(`${where}, so it cannot be left out here; start the broker without it`),
    );
    await keeping.rules.put(owner, { name: 'app', rights: ['Listen', 'Send'] });
  }
  for (const which of ['primaryKey', 'secondaryKey'] as const)
    await refused(
      keeping.rules.renewKey(undefined, 'own', { which }),
      /'own' .* with a key of its own; change it there/,
    );
  assert.deepEqual(
    keeping.rules.rules.map(({ rights }) => rights.length),
    [3, 2, 2, 1],
  );
});

test('a rule that was made and is then declared has its keys; declared no longer, it is still there', async (context) => {
  const keeping = await Keeping.start(context);
  const made = await keeping.rules.put(undefined, { name: 'app', rights: ['Send'] });
  await keeping.open([{ name: 'app', rights: ['Listen'] }]);
  const [, declared] = keeping.rules.rules;
  assert.deepEqual([declared?.primaryKey, declared?.rights], [made.primaryKey, ['Listen']]);
  await keeping.open();
  assert.deepEqual(keeping.rules.rules[1]?.primaryKey, made.primaryKey);
});

test('a namespace that is deleted loses the rules that were given to it; the root rule and what is declared stay', async (context) => {
  const keeping = await Keeping.start(context);
  await keeping.rules.put(undefined, { name: 'app', rights: ['Send'] });
  await keeping.rules.put(undefined, { name: 'other', rights: ['Send'] });
  await keeping.rules.put('q', { name: 'app', rights: ['Send'] });
  await keeping.open([{ name: 'app', rights: ['Send'] }]);
  const before = keeping.rules.rules;
  await keeping.rules.clearNamespace();
  const left = [`${ROOT} of undefined`, 'app of undefined', 'app of q'];
  const shown = (rules: readonly AccessRule[]) => rules.map(({ name, queue }) => `${name} of ${queue}`);
  assert.deepEqual(shown(keeping.told.at(-1) ?? []), left);
  assert.deepEqual(
    keeping.rules.rules.map(({ primaryKey }) => primaryKey),
    before.filter(({ name }) => name !== 'other').map(({ primaryKey }) => primaryKey),
  );
  const told = keeping.told.length;
  await keeping.rules.clearNamespace();
  assert.equal(keeping.told.length, told);
  await keeping.open();
  assert.deepEqual(shown(keeping.rules.rules), [left[0], left[2]]);
});

test('the namespace has twelve rules at most, the root rule among them, and a queue twelve', async (context) => {
  const keeping = await Keeping.start(context);
  const put = (owner: string | undefined, index: number) =>
    keeping.rules.put(owner, { name: `r${index}`, rights: ['Send'] });
  for (let index = 1; index <= 11; index++) await put(undefined, index);
  for (let index = 1; index <= 12; index++) await put('q', index);
  const text = await keeping.text;
  await refused(
    put(undefined, 12),
    /the namespace has more than 12 access rules, the root rule among them: remove some/,
  );
  await refused(put('q', 13), /queue 'q' has more than 12 access rules/);
  await refused(keeping.rules.put(undefined, { name: 'a;b', rights: ['Send'] }), /must have 1 to 50 letters/);
  await refused(keeping.rules.put(undefined, { name: 'r1', rights: [] }), /has no rights/);
  await refused(
    keeping.rules.renewKey(undefined, 'r1', { which: 'primaryKey', key: 'short' }),
    /the primary access key of rule 'r1' must have at least 16/,
  );
  assert.equal(await keeping.text, text);
  await put('p', 1);
});

test('changes that are asked for at the same time are all made', async (context) => {
  const keeping = await Keeping.start(context);
  await Promise.all([
    ...[1, 2, 3].map((index) => keeping.rules.put(undefined, { name: `r${index}`, rights: ['Send'] })),
    keeping.rules.put('q', { name: 'app', rights: ['Send'] }),
    keeping.rules.put('q', { name: 'other', rights: ['Send'] }),
    keeping.rules.renewKey(undefined, ROOT, { which: 'secondaryKey' }),
  ]);
  const before = keeping.rules.rules;
  assert.deepEqual(namesOf(keeping.rules.rulesOf(undefined)), [ROOT, 'r1', 'r2', 'r3']);
  assert.deepEqual(namesOf(keeping.rules.rulesOf('q')), ['app', 'other']);
  await keeping.open();
  assert.deepEqual(keeping.rules.rules, before);
});

test('what cannot be written is not in force, and nothing of it is there after a restart', async (context) => {
  const keeping = await Keeping.start(context);
  await keeping.rules.put(undefined, { name: 'app', rights: ['Send'] });
  const before = keeping.rules.rules;
  const told = keeping.told.length;
  const path = join(keeping.folder, 'access-rules.json');
  const text = await keeping.text;
  await rm(path);
  await mkdir(path);
  const cannot = (work: Promise<unknown>) =>
    assert.rejects(work, { code: 'DISK_FAILED', message: /cannot be written/ });
  await cannot(keeping.rules.put(undefined, { name: 'app', rights: ['Listen'] }));
  await cannot(keeping.rules.put('q', { name: 'app', rights: ['Listen'] }));
  await cannot(keeping.rules.renewKey(undefined, 'app', { which: 'primaryKey' }));
  await cannot(keeping.rules.delete(undefined, 'app'));
  assert.equal(keeping.rules.rules, before);
  assert.equal(keeping.told.length, told);
  await rmdir(path);
  await writeFile(path, text);
  await keeping.open();
  assert.deepEqual(keeping.rules.rules, before);
});

test('a queue that goes while the rules of another one are written takes its own along', async (context) => {
  const keeping = await Keeping.start(context);
  await keeping.rules.put('p', { name: 'of-p', rights: ['Send'] });
  const put = keeping.rules.put('q', { name: 'of-q', rights: ['Send'] });
  await Promise.resolve();
  keeping.remove('p');
  await put;
  assert.deepEqual(namesOf(keeping.told.at(-1) ?? []), [ROOT, 'of-q']);
  await keeping.rules.close();
  assert.doesNotMatch(await keeping.text, /of-p/);
});

test("rules of a queue that goes while they are written are nobody's, also when another one has its name by then", async (context) => {
  const keeping = await Keeping.start(context);
  const put = keeping.rules.put('q', { name: 'app', rights: ['Send'] });
  await Promise.resolve();
  keeping.remove('q');
  keeping.born.set('q', 3);
  await assert.rejects(put, { code: 'ENTITY_NOT_FOUND', message: /there is no queue or topic 'q' any more/ });
  await assert.rejects(keeping.rules.put('none', { name: 'app', rights: ['Send'] }), { code: 'ENTITY_NOT_FOUND' });
  await keeping.rules.close();
  assert.deepEqual(namesOf(keeping.rules.rules), [ROOT]);
  assert.doesNotMatch(await keeping.text, /"app"/);
});

test('who comes when the broker closes is refused, and what was asked before is written', async (context) => {
  const keeping = await Keeping.start(context);
  const put = keeping.rules.put('q', { name: 'app', rights: ['Send'] });
  await keeping.rules.close();
  await put;
  assert.match(await keeping.text, /"app"/);
  const late = { code: 'INTERRUPTED', message: /shuts down/ };
  await assert.rejects(keeping.rules.put('q', { name: 'late', rights: ['Send'] }), late);
  await assert.rejects(keeping.rules.replace('q', []), late);
  await assert.rejects(keeping.rules.delete('q', 'app'), late);
  await assert.rejects(keeping.rules.renewKey('q', 'app', { which: 'primaryKey' }), late);
  assert.doesNotMatch(await keeping.text, /"late"/);
});
