CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);


CREATE TABLE public.budgets (
    account text NOT NULL,
    minute double precision NOT NULL,
    hour double precision NOT NULL,
    counted_at double precision NOT NULL,
    closed_until double precision NOT NULL
);


CREATE TABLE public.commands (
    id text NOT NULL,
    request_id text NOT NULL,
    place integer NOT NULL,
    line text NOT NULL,
    blocks text NOT NULL,
    decided boolean NOT NULL,
    reason text NOT NULL,
    answer text NOT NULL,
    troubled_since double precision,
    decided_at double precision
);


CREATE TABLE public.deeds (
    command_id text NOT NULL,
    run_id text NOT NULL,
    attempts text NOT NULL
);


CREATE TABLE public.deliveries (
    hook text NOT NULL,
    guid text NOT NULL,
    event text NOT NULL,
    received_at double precision NOT NULL
);


CREATE TABLE public.heads (
    repo text NOT NULL,
    number integer NOT NULL,
    sha text NOT NULL,
    since double precision NOT NULL,
    in_fork boolean NOT NULL,
    received_at double precision NOT NULL
);


CREATE TABLE public.intents (
    id integer NOT NULL,
    command_id text NOT NULL,
    repo text NOT NULL,
    sha text NOT NULL,
    workflow text NOT NULL,
    start text NOT NULL,
    before text NOT NULL,
    noted_at double precision NOT NULL,
    looks integer NOT NULL,
    outcome text NOT NULL
);


CREATE SEQUENCE public.intents_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER SEQUENCE public.intents_id_seq OWNED BY public.intents.id;


CREATE TABLE public.requests (
    id text NOT NULL,
    source text NOT NULL,
    repo text NOT NULL,
    number integer NOT NULL,
    comment_id bigint NOT NULL,
    author text NOT NULL,
    author_is_bot boolean NOT NULL,
    written_at double precision NOT NULL,
    received_at double precision NOT NULL,
    url text NOT NULL,
    installation bigint,
    reviewed text,
    happening text,
    deciding boolean NOT NULL,
    acknowledged boolean NOT NULL,
    reply_id bigint,
    reply_tried boolean NOT NULL,
    reply_text text NOT NULL,
    replied_at double precision,
    failures integer NOT NULL,
    failing_since double precision,
    due_at double precision,
    lease_until double precision NOT NULL,
    fence integer NOT NULL
);


CREATE TABLE public.runs (
    command_id text NOT NULL,
    run_id text NOT NULL,
    repo text NOT NULL,
    sha text NOT NULL,
    workflow text NOT NULL,
    job text NOT NULL,
    is_inline boolean NOT NULL,
    in_fork boolean NOT NULL,
    note text NOT NULL,
    failure text NOT NULL,
    state text NOT NULL,
    followed_since double precision NOT NULL,
    looks integer NOT NULL,
    next_look_at double precision
);


CREATE TABLE public.turns (
    name text NOT NULL,
    next_at double precision NOT NULL
);


ALTER TABLE ONLY public.intents ALTER COLUMN id SET DEFAULT nextval('public.intents_id_seq'::regclass);


INSERT INTO public.alembic_version (version_num) VALUES ('0001');


INSERT INTO public.budgets (account, minute, hour, counted_at, closed_until) VALUES ('installation 1007', 12, 242, 1795500240, 0);


INSERT INTO public.commands (id, request_id, place, line, blocks, decided, reason, answer, troubled_since, decided_at) VALUES ('ic-1044.1', 'ic-1044', 1, 'run ci.yml job=lint', '[]', true, 'started', '', NULL, 1795500060);
INSERT INTO public.commands (id, request_id, place, line, blocks, decided, reason, answer, troubled_since, decided_at) VALUES ('ic-1044.2', 'ic-1044', 2, 'status', '[]', true, 'answered', 'On `33fc62b`:

| run | workflow | trigger | state | jobs |
|---|---|---|---|---|
| [`k91m7mdniv`](https://depot.dev/orgs/k3v9c0t1xa/workflows/k91m7mdniv) |  | `api` | queued |  |', NULL, 1795500060);
INSERT INTO public.commands (id, request_id, place, line, blocks, decided, reason, answer, troubled_since, decided_at) VALUES ('ic-1063.1', 'ic-1063', 1, 'run ci.yml job=build', '[]', true, 'started', '', NULL, 1795500120);
INSERT INTO public.commands (id, request_id, place, line, blocks, decided, reason, answer, troubled_since, decided_at) VALUES ('ic-1083.1', 'ic-1083', 1, 'run ci.yml job=test', '[]', true, 'started', '', NULL, 1795500180);
INSERT INTO public.commands (id, request_id, place, line, blocks, decided, reason, answer, troubled_since, decided_at) VALUES ('ic-1101.1', 'ic-1101', 1, 'run ci.yml job=lint', '[]', true, 'started', '', NULL, 1795500240);
INSERT INTO public.commands (id, request_id, place, line, blocks, decided, reason, answer, troubled_since, decided_at) VALUES ('ic-1111.1', 'ic-1111', 1, 'run ci.yml job=lint', '[]', false, '', 'Depot''s answer to the start was lost. Looking whether the run has begun, so that it is not started twice.', NULL, NULL);
INSERT INTO public.commands (id, request_id, place, line, blocks, decided, reason, answer, troubled_since, decided_at) VALUES ('ic-1121.1', 'ic-1121', 1, 'retry', '[]', false, '', 'Depot does not answer right now; still trying.', 1795500240, NULL);
INSERT INTO public.commands (id, request_id, place, line, blocks, decided, reason, answer, troubled_since, decided_at) VALUES ('ic-1129.1', 'ic-1129', 1, 'run ci.yml job=lint', '[]', false, '', 'Depot does not answer right now; still trying.', 1795500240, NULL);
INSERT INTO public.commands (id, request_id, place, line, blocks, decided, reason, answer, troubled_since, decided_at) VALUES ('ic-1139.1', 'ic-1139', 1, 'run ci.yml job=lint', '[]', false, '', '', NULL, NULL);


INSERT INTO public.deeds (command_id, run_id, attempts) VALUES ('ic-1121.1', 'c5s3i2z4ax', '{"h1b32jbp74":1}');


INSERT INTO public.deliveries (hook, guid, event, received_at) VALUES ('1001', '17cb6267-f412-5094-a2fc-d11b77a46a6b', 'pull_request', 1795500060);
INSERT INTO public.deliveries (hook, guid, event, received_at) VALUES ('1001', 'd78d8af3-c478-577f-ad1e-6c81dcbd80a8', 'pull_request', 1795500060);
INSERT INTO public.deliveries (hook, guid, event, received_at) VALUES ('1001', 'eff0ceff-17a9-5bc5-b875-c6c2451557ae', 'pull_request', 1795500060);
INSERT INTO public.deliveries (hook, guid, event, received_at) VALUES ('1001', 'a56f9925-d154-5b30-abbd-66e7f44e29b2', 'pull_request', 1795500060);
INSERT INTO public.deliveries (hook, guid, event, received_at) VALUES ('1001', '042b0ab2-2d0b-58b3-b653-1ceee07f1238', 'pull_request', 1795500060);
INSERT INTO public.deliveries (hook, guid, event, received_at) VALUES ('1001', '89cdaf99-a00e-5344-b22a-76e230d58628', 'pull_request', 1795500060);
INSERT INTO public.deliveries (hook, guid, event, received_at) VALUES ('1001', 'c2c95872-2d1a-564c-b9fa-38cf1f1d0403', 'pull_request', 1795500060);
INSERT INTO public.deliveries (hook, guid, event, received_at) VALUES ('1001', '87597887-ec1b-5899-8f26-121d511c0dd3', 'issue_comment', 1795500060);
INSERT INTO public.deliveries (hook, guid, event, received_at) VALUES ('1001', '9bdd14f2-c859-55ff-938f-b5baecaca923', 'issue_comment', 1795500120);
INSERT INTO public.deliveries (hook, guid, event, received_at) VALUES ('1001', '0957c635-74d3-54be-bcf2-1227c9cffa47', 'issue_comment', 1795500180);
INSERT INTO public.deliveries (hook, guid, event, received_at) VALUES ('1001', '40192b0a-5010-557a-bf1a-7cbdba840f05', 'issue_comment', 1795500240);
INSERT INTO public.deliveries (hook, guid, event, received_at) VALUES ('1001', '82c0d415-66dc-5e6d-8de9-a22792706b90', 'issue_comment', 1795500240);
INSERT INTO public.deliveries (hook, guid, event, received_at) VALUES ('1001', '0722029e-1fb3-5c9e-9dc4-0abbdae5a8df', 'issue_comment', 1795500240);
INSERT INTO public.deliveries (hook, guid, event, received_at) VALUES ('1001', '91346d09-b7ce-5b6e-92bd-5b2d12dadf1d', 'issue_comment', 1795500240);
INSERT INTO public.deliveries (hook, guid, event, received_at) VALUES ('1001', '6e778a02-ac4c-57a2-8786-38c16e775594', 'issue_comment', 1795500240);
INSERT INTO public.deliveries (hook, guid, event, received_at) VALUES ('1001', '63a94c94-1dac-5473-8097-455ca73c7cd9', 'pull_request', 1795500240);


INSERT INTO public.heads (repo, number, sha, since, in_fork, received_at) VALUES ('octo/hello', 1, 'cc3aefa5acac7d412473ef951935a42aadf246d2', 1795500000, false, 1795500060);
INSERT INTO public.heads (repo, number, sha, since, in_fork, received_at) VALUES ('octo/hello', 2, '33fc62b57fa00f92898e527b71364a67c41f9c4e', 1795500000, false, 1795500060);
INSERT INTO public.heads (repo, number, sha, since, in_fork, received_at) VALUES ('octo/hello', 3, '41a1b02cae5caf3c7c21807dd93bb355b6dfdcd7', 1795500000, false, 1795500060);
INSERT INTO public.heads (repo, number, sha, since, in_fork, received_at) VALUES ('octo/hello', 4, '27ff074c03d8637fbd112630c08cd902faa564c4', 1795500000, false, 1795500060);
INSERT INTO public.heads (repo, number, sha, since, in_fork, received_at) VALUES ('octo/hello', 5, '5f2fbd5f4f4391c67c047311947a6b022fa8b4ca', 1795500000, false, 1795500060);
INSERT INTO public.heads (repo, number, sha, since, in_fork, received_at) VALUES ('octo/hello', 6, 'a7a217a48ae20201ca4431c4b84f8db036aa1800', 1795500000, false, 1795500060);
INSERT INTO public.heads (repo, number, sha, since, in_fork, received_at) VALUES ('octo/hello', 7, 'db27db4d2e75d4cd68422ae174ac8878181d2dfb', 1795500000, false, 1795500060);
INSERT INTO public.heads (repo, number, sha, since, in_fork, received_at) VALUES ('octo/hello', 8, '86d848859d4b9fd9ae3d0d9f309bba6984344393', 1795500240, false, 1795500240);


INSERT INTO public.intents (id, command_id, repo, sha, workflow, start, before, noted_at, looks, outcome) VALUES (1, 'ic-1044.1', 'octo/hello', '33fc62b57fa00f92898e527b71364a67c41f9c4e', 'ci.yml', '{"repo":"octo/hello","sha":"33fc62b57fa00f92898e527b71364a67c41f9c4e","workflow":"ci.yml","job":"lint","content":[],"in_fork":false,"branch":"","inputs":{},"note":""}', '[]', 1795500060, 0, 'started');
INSERT INTO public.intents (id, command_id, repo, sha, workflow, start, before, noted_at, looks, outcome) VALUES (2, 'ic-1063.1', 'octo/hello', '41a1b02cae5caf3c7c21807dd93bb355b6dfdcd7', 'ci.yml', '{"repo":"octo/hello","sha":"41a1b02cae5caf3c7c21807dd93bb355b6dfdcd7","workflow":"ci.yml","job":"build","content":[],"in_fork":false,"branch":"","inputs":{},"note":""}', '[]', 1795500120, 0, 'started');
INSERT INTO public.intents (id, command_id, repo, sha, workflow, start, before, noted_at, looks, outcome) VALUES (3, 'ic-1083.1', 'octo/hello', 'cc3aefa5acac7d412473ef951935a42aadf246d2', 'ci.yml', '{"repo":"octo/hello","sha":"cc3aefa5acac7d412473ef951935a42aadf246d2","workflow":"ci.yml","job":"test","content":[],"in_fork":false,"branch":"","inputs":{},"note":""}', '[]', 1795500180, 0, 'started');
INSERT INTO public.intents (id, command_id, repo, sha, workflow, start, before, noted_at, looks, outcome) VALUES (4, 'ic-1101.1', 'octo/hello', 'a7a217a48ae20201ca4431c4b84f8db036aa1800', 'ci.yml', '{"repo":"octo/hello","sha":"a7a217a48ae20201ca4431c4b84f8db036aa1800","workflow":"ci.yml","job":"lint","content":[],"in_fork":false,"branch":"","inputs":{},"note":""}', '[]', 1795500240, 0, 'started');
INSERT INTO public.intents (id, command_id, repo, sha, workflow, start, before, noted_at, looks, outcome) VALUES (5, 'ic-1111.1', 'octo/hello', '27ff074c03d8637fbd112630c08cd902faa564c4', 'ci.yml', '{"repo":"octo/hello","sha":"27ff074c03d8637fbd112630c08cd902faa564c4","workflow":"ci.yml","job":"lint","content":[],"in_fork":false,"branch":"","inputs":{},"note":""}', '[]', 1795500240, 1, 'open');


INSERT INTO public.requests (id, source, repo, number, comment_id, author, author_is_bot, written_at, received_at, url, installation, reviewed, happening, deciding, acknowledged, reply_id, reply_tried, reply_text, replied_at, failures, failing_since, due_at, lease_until, fence) VALUES ('ev-17cb6267-f412-5094-a2fc-d11b77a46a6b', 'ev', 'octo/hello', 1, 0, 'alice', false, 1795500000, 1795500060, 'https://github.com/octo/hello/pull/1', 1007, NULL, '{"kind":"opened","guid":"17cb6267-f412-5094-a2fc-d11b77a46a6b","sha":"cc3aefa5acac7d412473ef951935a42aadf246d2","base_branch":"main","label":""}', false, false, NULL, false, '', NULL, 0, NULL, NULL, 0, 1);
INSERT INTO public.requests (id, source, repo, number, comment_id, author, author_is_bot, written_at, received_at, url, installation, reviewed, happening, deciding, acknowledged, reply_id, reply_tried, reply_text, replied_at, failures, failing_since, due_at, lease_until, fence) VALUES ('ev-a56f9925-d154-5b30-abbd-66e7f44e29b2', 'ev', 'octo/hello', 4, 0, 'alice', false, 1795500000, 1795500060, 'https://github.com/octo/hello/pull/4', 1007, NULL, '{"kind":"opened","guid":"a56f9925-d154-5b30-abbd-66e7f44e29b2","sha":"27ff074c03d8637fbd112630c08cd902faa564c4","base_branch":"main","label":""}', false, false, NULL, false, '', NULL, 0, NULL, NULL, 0, 1);
INSERT INTO public.requests (id, source, repo, number, comment_id, author, author_is_bot, written_at, received_at, url, installation, reviewed, happening, deciding, acknowledged, reply_id, reply_tried, reply_text, replied_at, failures, failing_since, due_at, lease_until, fence) VALUES ('ev-d78d8af3-c478-577f-ad1e-6c81dcbd80a8', 'ev', 'octo/hello', 2, 0, 'alice', false, 1795500000, 1795500060, 'https://github.com/octo/hello/pull/2', 1007, NULL, '{"kind":"opened","guid":"d78d8af3-c478-577f-ad1e-6c81dcbd80a8","sha":"33fc62b57fa00f92898e527b71364a67c41f9c4e","base_branch":"main","label":""}', false, false, NULL, false, '', NULL, 0, NULL, NULL, 0, 1);
INSERT INTO public.requests (id, source, repo, number, comment_id, author, author_is_bot, written_at, received_at, url, installation, reviewed, happening, deciding, acknowledged, reply_id, reply_tried, reply_text, replied_at, failures, failing_since, due_at, lease_until, fence) VALUES ('ev-89cdaf99-a00e-5344-b22a-76e230d58628', 'ev', 'octo/hello', 6, 0, 'alice', false, 1795500000, 1795500060, 'https://github.com/octo/hello/pull/6', 1007, NULL, '{"kind":"opened","guid":"89cdaf99-a00e-5344-b22a-76e230d58628","sha":"a7a217a48ae20201ca4431c4b84f8db036aa1800","base_branch":"main","label":""}', false, false, NULL, false, '', NULL, 0, NULL, NULL, 0, 1);
INSERT INTO public.requests (id, source, repo, number, comment_id, author, author_is_bot, written_at, received_at, url, installation, reviewed, happening, deciding, acknowledged, reply_id, reply_tried, reply_text, replied_at, failures, failing_since, due_at, lease_until, fence) VALUES ('ev-042b0ab2-2d0b-58b3-b653-1ceee07f1238', 'ev', 'octo/hello', 5, 0, 'alice', false, 1795500000, 1795500060, 'https://github.com/octo/hello/pull/5', 1007, NULL, '{"kind":"opened","guid":"042b0ab2-2d0b-58b3-b653-1ceee07f1238","sha":"5f2fbd5f4f4391c67c047311947a6b022fa8b4ca","base_branch":"main","label":""}', false, false, NULL, false, '', NULL, 0, NULL, NULL, 0, 1);
INSERT INTO public.requests (id, source, repo, number, comment_id, author, author_is_bot, written_at, received_at, url, installation, reviewed, happening, deciding, acknowledged, reply_id, reply_tried, reply_text, replied_at, failures, failing_since, due_at, lease_until, fence) VALUES ('ev-eff0ceff-17a9-5bc5-b875-c6c2451557ae', 'ev', 'octo/hello', 3, 0, 'alice', false, 1795500000, 1795500060, 'https://github.com/octo/hello/pull/3', 1007, NULL, '{"kind":"opened","guid":"eff0ceff-17a9-5bc5-b875-c6c2451557ae","sha":"41a1b02cae5caf3c7c21807dd93bb355b6dfdcd7","base_branch":"main","label":""}', false, false, NULL, false, '', NULL, 0, NULL, NULL, 0, 1);
INSERT INTO public.requests (id, source, repo, number, comment_id, author, author_is_bot, written_at, received_at, url, installation, reviewed, happening, deciding, acknowledged, reply_id, reply_tried, reply_text, replied_at, failures, failing_since, due_at, lease_until, fence) VALUES ('ev-c2c95872-2d1a-564c-b9fa-38cf1f1d0403', 'ev', 'octo/hello', 7, 0, 'alice', false, 1795500000, 1795500060, 'https://github.com/octo/hello/pull/7', 1007, NULL, '{"kind":"opened","guid":"c2c95872-2d1a-564c-b9fa-38cf1f1d0403","sha":"db27db4d2e75d4cd68422ae174ac8878181d2dfb","base_branch":"main","label":""}', false, false, NULL, false, '', NULL, 0, NULL, NULL, 0, 1);
INSERT INTO public.requests (id, source, repo, number, comment_id, author, author_is_bot, written_at, received_at, url, installation, reviewed, happening, deciding, acknowledged, reply_id, reply_tried, reply_text, replied_at, failures, failing_since, due_at, lease_until, fence) VALUES ('ic-1044', 'ic', 'octo/hello', 2, 1044, 'alice', false, 1795500060, 1795500060, 'https://github.com/octo/hello/pull/2#issuecomment-1044', 1007, NULL, NULL, false, true, 1053, true, '> `/depot run ci.yml job=lint`

Run [`k91m7mdniv`](https://depot.dev/orgs/k3v9c0t1xa/workflows/k91m7mdniv) of `ci.yml` (`lint`) on `33fc62b`: **finished** in 30 s.

| job | state | took |
|---|---|---|
| `lint` | finished | 30 s |

> `/depot status`

On `33fc62b`:

| run | workflow | trigger | state | jobs |
|---|---|---|---|---|
| [`k91m7mdniv`](https://depot.dev/orgs/k3v9c0t1xa/workflows/k91m7mdniv) |  | `api` | queued |  |

<!-- depot-bot {"commands":[{"id":"ic-1044.1","reason":"started","runs":[{"id":"k91m7mdniv","sha":"33fc62b57fa00f92898e527b71364a67c41f9c4e","state":"finished"}]},{"id":"ic-1044.2","reason":"answered","runs":[]}],"request":"ic-1044","schema":1} -->', 1795500097.167, 0, NULL, NULL, 0, 10);
INSERT INTO public.requests (id, source, repo, number, comment_id, author, author_is_bot, written_at, received_at, url, installation, reviewed, happening, deciding, acknowledged, reply_id, reply_tried, reply_text, replied_at, failures, failing_since, due_at, lease_until, fence) VALUES ('ic-1063', 'ic', 'octo/hello', 3, 1063, 'alice', false, 1795500120, 1795500120, 'https://github.com/octo/hello/pull/3#issuecomment-1063', 1007, NULL, NULL, false, true, 1073, true, '> `/depot run ci.yml job=build`

Run [`c5s3i2z4ax`](https://depot.dev/orgs/k3v9c0t1xa/workflows/c5s3i2z4ax) of `ci.yml` (`build`) on `41a1b02`: **failed** in 20 s.

| job | state | took |
|---|---|---|
| `build` | failed | 20 s |

<details><summary>Why it failed</summary>

`build` failed:

```text
Step 1 exited with code 1
```

Diagnosis:

```text
A test expects 3 and gets 4.
```

Possible fix:

```text
Count the items after the discount, not before.
```

Diagnosis and fix were written by a model, from the log: check them.

The end of `build`:

```text
No.
```

</details>

<!-- depot-bot {"commands":[{"id":"ic-1063.1","reason":"started","runs":[{"id":"c5s3i2z4ax","sha":"41a1b02cae5caf3c7c21807dd93bb355b6dfdcd7","state":"failed"}]}],"request":"ic-1063","schema":1} -->', 1795500147.513, 0, NULL, NULL, 0, 9);
INSERT INTO public.requests (id, source, repo, number, comment_id, author, author_is_bot, written_at, received_at, url, installation, reviewed, happening, deciding, acknowledged, reply_id, reply_tried, reply_text, replied_at, failures, failing_since, due_at, lease_until, fence) VALUES ('ic-1083', 'ic', 'octo/hello', 1, 1083, 'alice', false, 1795500180, 1795500180, 'https://github.com/octo/hello/pull/1#issuecomment-1083', 1007, NULL, NULL, false, true, 1093, true, '> `/depot run ci.yml job=test`

Run [`pjev80ivoq`](https://depot.dev/orgs/k3v9c0t1xa/workflows/pjev80ivoq) of `ci.yml` (`test`) on `cc3aefa`: running.

| job | state | took |
|---|---|---|
| `test` | running |  |

<!-- depot-bot {"commands":[{"id":"ic-1083.1","reason":"started","runs":[{"id":"pjev80ivoq","sha":"cc3aefa5acac7d412473ef951935a42aadf246d2","state":"running"}]}],"request":"ic-1083","schema":1} -->', 1795500190, 0, NULL, 1795500246.0316145, 0, 11);
INSERT INTO public.requests (id, source, repo, number, comment_id, author, author_is_bot, written_at, received_at, url, installation, reviewed, happening, deciding, acknowledged, reply_id, reply_tried, reply_text, replied_at, failures, failing_since, due_at, lease_until, fence) VALUES ('ic-1121', 'ic', 'octo/hello', 3, 1121, 'alice', false, 1795500240, 1795500240, 'https://github.com/octo/hello/pull/3#issuecomment-1121', 1007, NULL, NULL, true, true, 1126, true, '> `/depot retry`

Depot does not answer right now; still trying.

<!-- depot-bot {"commands":[{"id":"ic-1121.1","reason":"deciding","runs":[]}],"request":"ic-1121","schema":1} -->', 1795500240, 0, NULL, 1795500242, 0, 1);
INSERT INTO public.requests (id, source, repo, number, comment_id, author, author_is_bot, written_at, received_at, url, installation, reviewed, happening, deciding, acknowledged, reply_id, reply_tried, reply_text, replied_at, failures, failing_since, due_at, lease_until, fence) VALUES ('ic-1129', 'ic', 'octo/hello', 5, 1129, 'alice', false, 1795500240, 1795500240, 'https://github.com/octo/hello/pull/5#issuecomment-1129', 1007, NULL, NULL, true, true, 1136, true, '> `/depot run ci.yml job=lint`

Depot does not answer right now; still trying.

<!-- depot-bot {"commands":[{"id":"ic-1129.1","reason":"deciding","runs":[]}],"request":"ic-1129","schema":1} -->', 1795500240, 0, NULL, 1795500242, 0, 1);
INSERT INTO public.requests (id, source, repo, number, comment_id, author, author_is_bot, written_at, received_at, url, installation, reviewed, happening, deciding, acknowledged, reply_id, reply_tried, reply_text, replied_at, failures, failing_since, due_at, lease_until, fence) VALUES ('ic-1101', 'ic', 'octo/hello', 6, 1101, 'alice', false, 1795500240, 1795500240, 'https://github.com/octo/hello/pull/6#issuecomment-1101', 1007, NULL, NULL, false, true, NULL, true, '', NULL, 1, 1795500240, 1795500241, 0, 1);
INSERT INTO public.requests (id, source, repo, number, comment_id, author, author_is_bot, written_at, received_at, url, installation, reviewed, happening, deciding, acknowledged, reply_id, reply_tried, reply_text, replied_at, failures, failing_since, due_at, lease_until, fence) VALUES ('ic-1139', 'ic', 'octo/hello', 7, 1139, 'alice', false, 1795500240, 1795500240, 'https://github.com/octo/hello/pull/7#issuecomment-1139', 1007, NULL, NULL, true, false, NULL, false, '', NULL, 0, NULL, 1795500240, 1795500250, 1);
INSERT INTO public.requests (id, source, repo, number, comment_id, author, author_is_bot, written_at, received_at, url, installation, reviewed, happening, deciding, acknowledged, reply_id, reply_tried, reply_text, replied_at, failures, failing_since, due_at, lease_until, fence) VALUES ('ev-63a94c94-1dac-5473-8097-455ca73c7cd9', 'ev', 'octo/hello', 8, 0, 'alice', false, 1795500240, 1795500240, 'https://github.com/octo/hello/pull/8', 1007, NULL, '{"kind":"opened","guid":"63a94c94-1dac-5473-8097-455ca73c7cd9","sha":"86d848859d4b9fd9ae3d0d9f309bba6984344393","base_branch":"main","label":""}', true, false, NULL, false, '', NULL, 0, NULL, 1795500240, 0, 0);
INSERT INTO public.requests (id, source, repo, number, comment_id, author, author_is_bot, written_at, received_at, url, installation, reviewed, happening, deciding, acknowledged, reply_id, reply_tried, reply_text, replied_at, failures, failing_since, due_at, lease_until, fence) VALUES ('ic-1111', 'ic', 'octo/hello', 4, 1111, 'alice', false, 1795500240, 1795500240, 'https://github.com/octo/hello/pull/4#issuecomment-1111', 1007, NULL, NULL, true, true, 1118, true, '> `/depot run ci.yml job=lint`

Depot''s answer to the start was lost. Looking whether the run has begun, so that it is not started twice.

<!-- depot-bot {"commands":[{"id":"ic-1111.1","reason":"deciding","runs":[]}],"request":"ic-1111","schema":1} -->', 1795500240, 0, NULL, 1795500241, 0, 1);


INSERT INTO public.runs (command_id, run_id, repo, sha, workflow, job, is_inline, in_fork, note, failure, state, followed_since, looks, next_look_at) VALUES ('ic-1063.1', 'c5s3i2z4ax', 'octo/hello', '41a1b02cae5caf3c7c21807dd93bb355b6dfdcd7', 'ci.yml', 'build', false, false, '', '`build` failed:

```text
Step 1 exited with code 1
```

Diagnosis:

```text
A test expects 3 and gets 4.
```

Possible fix:

```text
Count the items after the discount, not before.
```

Diagnosis and fix were written by a model, from the log: check them.

The end of `build`:

```text
No.
```', '{"run_id":"c5s3i2z4ax","org_id":"k3v9c0t1xa","status":"failed","workflows":[{"workflow_id":"m8pd04hles","path":".depot/workflows/ci.yml","status":"failed","name":"CI","error":"","jobs":[{"job_id":"h1b32jbp74","key":"ci.yml:build","status":"failed","name":"build","attempts":[{"attempt_id":"wpbaeirgda","number":1,"status":"failed"}],"seconds":20.0},{"job_id":"3z2f5v0xqh","key":"ci.yml:lint","status":"skipped","name":"lint","attempts":[],"seconds":null},{"job_id":"s7hq8ey9u5","key":"ci.yml:test","status":"skipped","name":"test","attempts":[],"seconds":null}]}],"seconds":20.0}', 1795500120, 6, NULL);
INSERT INTO public.runs (command_id, run_id, repo, sha, workflow, job, is_inline, in_fork, note, failure, state, followed_since, looks, next_look_at) VALUES ('ic-1044.1', 'k91m7mdniv', 'octo/hello', '33fc62b57fa00f92898e527b71364a67c41f9c4e', 'ci.yml', 'lint', false, false, '', '', '{"run_id":"k91m7mdniv","org_id":"k3v9c0t1xa","status":"finished","workflows":[{"workflow_id":"1q5cskslca","path":".depot/workflows/ci.yml","status":"finished","name":"CI","error":"","jobs":[{"job_id":"sz8xov5tps","key":"ci.yml:build","status":"skipped","name":"build","attempts":[],"seconds":null},{"job_id":"uj6wkzmrgx","key":"ci.yml:lint","status":"finished","name":"lint","attempts":[{"attempt_id":"bfc1fznv7g","number":1,"status":"finished"}],"seconds":30.0},{"job_id":"k4w95fv44n","key":"ci.yml:test","status":"skipped","name":"test","attempts":[],"seconds":null}]}],"seconds":30.0}', 1795500060, 7, NULL);
INSERT INTO public.runs (command_id, run_id, repo, sha, workflow, job, is_inline, in_fork, note, failure, state, followed_since, looks, next_look_at) VALUES ('ic-1083.1', 'pjev80ivoq', 'octo/hello', 'cc3aefa5acac7d412473ef951935a42aadf246d2', 'ci.yml', 'test', false, false, '', '', '{"run_id":"pjev80ivoq","org_id":"k3v9c0t1xa","status":"running","workflows":[{"workflow_id":"x6gm7qax6i","path":".depot/workflows/ci.yml","status":"running","name":"CI","error":"","jobs":[{"job_id":"8hsg37rjks","key":"ci.yml:build","status":"skipped","name":"build","attempts":[],"seconds":null},{"job_id":"hyqwh3cx3h","key":"ci.yml:lint","status":"skipped","name":"lint","attempts":[],"seconds":null},{"job_id":"vph9xnc9fk","key":"ci.yml:test","status":"running","name":"test","attempts":[{"attempt_id":"iaoxogj91d","number":1,"status":"running"}],"seconds":null}]}],"seconds":null}', 1795500180, 9, 1795500246.0316145);
INSERT INTO public.runs (command_id, run_id, repo, sha, workflow, job, is_inline, in_fork, note, failure, state, followed_since, looks, next_look_at) VALUES ('ic-1101.1', 'w0bkum1zq9', 'octo/hello', 'a7a217a48ae20201ca4431c4b84f8db036aa1800', 'ci.yml', 'lint', false, false, '', '', '{"run_id":"w0bkum1zq9","org_id":"k3v9c0t1xa","status":"queued","workflows":[],"seconds":null}', 1795500240, 0, 1795500242);


INSERT INTO public.turns (name, next_at) VALUES ('missed deliveries', 1795500540);


SELECT pg_catalog.setval('public.intents_id_seq', 5, true);


ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);


ALTER TABLE ONLY public.budgets
    ADD CONSTRAINT budgets_pkey PRIMARY KEY (account);


ALTER TABLE ONLY public.commands
    ADD CONSTRAINT commands_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.deeds
    ADD CONSTRAINT deeds_pkey PRIMARY KEY (command_id);


ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (hook, guid);


ALTER TABLE ONLY public.heads
    ADD CONSTRAINT heads_pkey PRIMARY KEY (repo, number, sha);


ALTER TABLE ONLY public.intents
    ADD CONSTRAINT intents_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.requests
    ADD CONSTRAINT requests_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (command_id, run_id);


ALTER TABLE ONLY public.turns
    ADD CONSTRAINT turns_pkey PRIMARY KEY (name);


CREATE INDEX commands_request ON public.commands USING btree (request_id);


CREATE INDEX heads_commit ON public.heads USING btree (repo, sha);


CREATE INDEX intents_command ON public.intents USING btree (command_id);


CREATE UNIQUE INDEX intents_open ON public.intents USING btree (repo, sha, workflow) WHERE (outcome = 'open'::text);


CREATE INDEX requests_due ON public.requests USING btree (due_at);


CREATE INDEX requests_pull ON public.requests USING btree (repo, number, deciding);


CREATE INDEX requests_received ON public.requests USING btree (received_at);


CREATE INDEX runs_commit ON public.runs USING btree (repo, sha);


CREATE INDEX runs_run ON public.runs USING btree (run_id);


ALTER TABLE ONLY public.commands
    ADD CONSTRAINT commands_request_id_fkey FOREIGN KEY (request_id) REFERENCES public.requests(id);


ALTER TABLE ONLY public.deeds
    ADD CONSTRAINT deeds_command_id_fkey FOREIGN KEY (command_id) REFERENCES public.commands(id);


ALTER TABLE ONLY public.intents
    ADD CONSTRAINT intents_command_id_fkey FOREIGN KEY (command_id) REFERENCES public.commands(id);


ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_command_id_fkey FOREIGN KEY (command_id) REFERENCES public.commands(id);
