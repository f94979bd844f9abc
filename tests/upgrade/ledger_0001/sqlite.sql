BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE budgets (
	account TEXT NOT NULL, 
	minute FLOAT NOT NULL, 
	hour FLOAT NOT NULL, 
	counted_at FLOAT NOT NULL, 
	closed_until FLOAT NOT NULL, 
	PRIMARY KEY (account)
);
INSERT INTO "budgets" VALUES('installation 1007',12.0,242.0,1795500240.0,0.0);
CREATE TABLE commands (
	id TEXT NOT NULL, 
	request_id TEXT NOT NULL, 
	place INTEGER NOT NULL, 
	line TEXT NOT NULL, 
	blocks TEXT NOT NULL, 
	decided BOOLEAN NOT NULL, 
	reason TEXT NOT NULL, 
	answer TEXT NOT NULL, 
	troubled_since FLOAT, 
	decided_at FLOAT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(request_id) REFERENCES requests (id)
);
INSERT INTO "commands" VALUES('ic-1044.1','ic-1044',1,'run ci.yml job=lint','[]',1,'started','',NULL,1795500060.0);
INSERT INTO "commands" VALUES('ic-1044.2','ic-1044',2,'status','[]',1,'answered','On `33fc62b`:

| run | workflow | trigger | state | jobs |
|---|---|---|---|---|
| [`k91m7mdniv`](https://depot.dev/orgs/k3v9c0t1xa/workflows/k91m7mdniv) |  | `api` | queued |  |',NULL,1795500060.0);
INSERT INTO "commands" VALUES('ic-1063.1','ic-1063',1,'run ci.yml job=build','[]',1,'started','',NULL,1795500120.0);
INSERT INTO "commands" VALUES('ic-1083.1','ic-1083',1,'run ci.yml job=test','[]',1,'started','',NULL,1795500180.0);
INSERT INTO "commands" VALUES('ic-1101.1','ic-1101',1,'run ci.yml job=lint','[]',1,'started','',NULL,1795500240.0);
INSERT INTO "commands" VALUES('ic-1111.1','ic-1111',1,'run ci.yml job=lint','[]',0,'','Depot''s answer to the start was lost. Looking whether the run has begun, so that it is not started twice.',NULL,NULL);
INSERT INTO "commands" VALUES('ic-1121.1','ic-1121',1,'retry','[]',0,'','Depot does not answer right now; still trying.',1795500240.0,NULL);
INSERT INTO "commands" VALUES('ic-1129.1','ic-1129',1,'run ci.yml job=lint','[]',0,'','Depot does not answer right now; still trying.',1795500240.0,NULL);
INSERT INTO "commands" VALUES('ic-1139.1','ic-1139',1,'run ci.yml job=lint','[]',0,'','',NULL,NULL);
CREATE TABLE deeds (
	command_id TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	attempts TEXT NOT NULL, 
	PRIMARY KEY (command_id), 
	FOREIGN KEY(command_id) REFERENCES commands (id)
);
INSERT INTO "deeds" VALUES('ic-1121.1','c5s3i2z4ax','{"h1b32jbp74":1}');
CREATE TABLE deliveries (
	hook TEXT NOT NULL, 
	guid TEXT NOT NULL, 
	event TEXT NOT NULL, 
	received_at FLOAT NOT NULL, 
	PRIMARY KEY (hook, guid)
);
INSERT INTO "deliveries" VALUES('1001','17cb6267-f412-5094-a2fc-d11b77a46a6b','pull_request',1795500060.0);
INSERT INTO "deliveries" VALUES('1001','d78d8af3-c478-577f-ad1e-6c81dcbd80a8','pull_request',1795500060.0);
INSERT INTO "deliveries" VALUES('1001','eff0ceff-17a9-5bc5-b875-c6c2451557ae','pull_request',1795500060.0);
INSERT INTO "deliveries" VALUES('1001','a56f9925-d154-5b30-abbd-66e7f44e29b2','pull_request',1795500060.0);
INSERT INTO "deliveries" VALUES('1001','042b0ab2-2d0b-58b3-b653-1ceee07f1238','pull_request',1795500060.0);
INSERT INTO "deliveries" VALUES('1001','89cdaf99-a00e-5344-b22a-76e230d58628','pull_request',1795500060.0);
INSERT INTO "deliveries" VALUES('1001','c2c95872-2d1a-564c-b9fa-38cf1f1d0403','pull_request',1795500060.0);
INSERT INTO "deliveries" VALUES('1001','87597887-ec1b-5899-8f26-121d511c0dd3','issue_comment',1795500060.0);
INSERT INTO "deliveries" VALUES('1001','9bdd14f2-c859-55ff-938f-b5baecaca923','issue_comment',1795500120.0);
INSERT INTO "deliveries" VALUES('1001','0957c635-74d3-54be-bcf2-1227c9cffa47','issue_comment',1795500180.0);
INSERT INTO "deliveries" VALUES('1001','40192b0a-5010-557a-bf1a-7cbdba840f05','issue_comment',1795500240.0);
INSERT INTO "deliveries" VALUES('1001','82c0d415-66dc-5e6d-8de9-a22792706b90','issue_comment',1795500240.0);
INSERT INTO "deliveries" VALUES('1001','0722029e-1fb3-5c9e-9dc4-0abbdae5a8df','issue_comment',1795500240.0);
INSERT INTO "deliveries" VALUES('1001','91346d09-b7ce-5b6e-92bd-5b2d12dadf1d','issue_comment',1795500240.0);
INSERT INTO "deliveries" VALUES('1001','6e778a02-ac4c-57a2-8786-38c16e775594','issue_comment',1795500240.0);
INSERT INTO "deliveries" VALUES('1001','63a94c94-1dac-5473-8097-455ca73c7cd9','pull_request',1795500240.0);
CREATE TABLE heads (
	repo TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	sha TEXT NOT NULL, 
	since FLOAT NOT NULL, 
	in_fork BOOLEAN NOT NULL, 
	received_at FLOAT NOT NULL, 
	PRIMARY KEY (repo, number, sha)
);
INSERT INTO "heads" VALUES('octo/hello',1,'cc3aefa5acac7d412473ef951935a42aadf246d2',1795500000.0,0,1795500060.0);
INSERT INTO "heads" VALUES('octo/hello',2,'33fc62b57fa00f92898e527b71364a67c41f9c4e',1795500000.0,0,1795500060.0);
INSERT INTO "heads" VALUES('octo/hello',3,'41a1b02cae5caf3c7c21807dd93bb355b6dfdcd7',1795500000.0,0,1795500060.0);
INSERT INTO "heads" VALUES('octo/hello',4,'27ff074c03d8637fbd112630c08cd902faa564c4',1795500000.0,0,1795500060.0);
INSERT INTO "heads" VALUES('octo/hello',5,'5f2fbd5f4f4391c67c047311947a6b022fa8b4ca',1795500000.0,0,1795500060.0);
INSERT INTO "heads" VALUES('octo/hello',6,'a7a217a48ae20201ca4431c4b84f8db036aa1800',1795500000.0,0,1795500060.0);
INSERT INTO "heads" VALUES('octo/hello',7,'db27db4d2e75d4cd68422ae174ac8878181d2dfb',1795500000.0,0,1795500060.0);
INSERT INTO "heads" VALUES('octo/hello',8,'86d848859d4b9fd9ae3d0d9f309bba6984344393',1795500240.0,0,1795500240.0);
CREATE TABLE intents (
	id INTEGER NOT NULL, 
	command_id TEXT NOT NULL, 
	repo TEXT NOT NULL, 
	sha TEXT NOT NULL, 
	workflow TEXT NOT NULL, 
	start TEXT NOT NULL, 
	"before" TEXT NOT NULL, 
	noted_at FLOAT NOT NULL, 
	looks INTEGER NOT NULL, 
	outcome TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(command_id) REFERENCES commands (id)
);
INSERT INTO "intents" VALUES(1,'ic-1044.1','octo/hello','33fc62b57fa00f92898e527b71364a67c41f9c4e','ci.yml','{"repo":"octo/hello","sha":"33fc62b57fa00f92898e527b71364a67c41f9c4e","workflow":"ci.yml","job":"lint","content":[],"in_fork":false,"branch":"","inputs":{},"note":""}','[]',1795500060.0,0,'started');
INSERT INTO "intents" VALUES(2,'ic-1063.1','octo/hello','41a1b02cae5caf3c7c21807dd93bb355b6dfdcd7','ci.yml','{"repo":"octo/hello","sha":"41a1b02cae5caf3c7c21807dd93bb355b6dfdcd7","workflow":"ci.yml","job":"build","content":[],"in_fork":false,"branch":"","inputs":{},"note":""}','[]',1795500120.0,0,'started');
INSERT INTO "intents" VALUES(3,'ic-1083.1','octo/hello','cc3aefa5acac7d412473ef951935a42aadf246d2','ci.yml','{"repo":"octo/hello","sha":"cc3aefa5acac7d412473ef951935a42aadf246d2","workflow":"ci.yml","job":"test","content":[],"in_fork":false,"branch":"","inputs":{},"note":""}','[]',1795500180.0,0,'started');
INSERT INTO "intents" VALUES(4,'ic-1101.1','octo/hello','a7a217a48ae20201ca4431c4b84f8db036aa1800','ci.yml','{"repo":"octo/hello","sha":"a7a217a48ae20201ca4431c4b84f8db036aa1800","workflow":"ci.yml","job":"lint","content":[],"in_fork":false,"branch":"","inputs":{},"note":""}','[]',1795500240.0,0,'started');
INSERT INTO "intents" VALUES(5,'ic-1111.1','octo/hello','27ff074c03d8637fbd112630c08cd902faa564c4','ci.yml','{"repo":"octo/hello","sha":"27ff074c03d8637fbd112630c08cd902faa564c4","workflow":"ci.yml","job":"lint","content":[],"in_fork":false,"branch":"","inputs":{},"note":""}','[]',1795500240.0,1,'open');
CREATE TABLE requests (
	id TEXT NOT NULL, 
	source TEXT NOT NULL, 
	repo TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	comment_id BIGINT NOT NULL, 
	author TEXT NOT NULL, 
	author_is_bot BOOLEAN NOT NULL, 
	written_at FLOAT NOT NULL, 
	received_at FLOAT NOT NULL, 
	url TEXT NOT NULL, 
	installation BIGINT, 
	reviewed TEXT, 
	happening TEXT, 
	deciding BOOLEAN NOT NULL, 
	acknowledged BOOLEAN NOT NULL, 
	reply_id BIGINT, 
	reply_tried BOOLEAN NOT NULL, 
	reply_text TEXT NOT NULL, 
	replied_at FLOAT, 
	failures INTEGER NOT NULL, 
	failing_since FLOAT, 
	due_at FLOAT, 
	lease_until FLOAT NOT NULL, 
	fence INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "requests" VALUES('ev-17cb6267-f412-5094-a2fc-d11b77a46a6b','ev','octo/hello',1,0,'alice',0,1795500000.0,1795500060.0,'https://github.com/octo/hello/pull/1',1007,NULL,'{"kind":"opened","guid":"17cb6267-f412-5094-a2fc-d11b77a46a6b","sha":"cc3aefa5acac7d412473ef951935a42aadf246d2","base_branch":"main","label":""}',0,0,NULL,0,'',NULL,0,NULL,NULL,0.0,1);
INSERT INTO "requests" VALUES('ev-d78d8af3-c478-577f-ad1e-6c81dcbd80a8','ev','octo/hello',2,0,'alice',0,1795500000.0,1795500060.0,'https://github.com/octo/hello/pull/2',1007,NULL,'{"kind":"opened","guid":"d78d8af3-c478-577f-ad1e-6c81dcbd80a8","sha":"33fc62b57fa00f92898e527b71364a67c41f9c4e","base_branch":"main","label":""}',0,0,NULL,0,'',NULL,0,NULL,NULL,0.0,1);
INSERT INTO "requests" VALUES('ev-eff0ceff-17a9-5bc5-b875-c6c2451557ae','ev','octo/hello',3,0,'alice',0,1795500000.0,1795500060.0,'https://github.com/octo/hello/pull/3',1007,NULL,'{"kind":"opened","guid":"eff0ceff-17a9-5bc5-b875-c6c2451557ae","sha":"41a1b02cae5caf3c7c21807dd93bb355b6dfdcd7","base_branch":"main","label":""}',0,0,NULL,0,'',NULL,0,NULL,NULL,0.0,1);
INSERT INTO "requests" VALUES('ev-a56f9925-d154-5b30-abbd-66e7f44e29b2','ev','octo/hello',4,0,'alice',0,1795500000.0,1795500060.0,'https://github.com/octo/hello/pull/4',1007,NULL,'{"kind":"opened","guid":"a56f9925-d154-5b30-abbd-66e7f44e29b2","sha":"27ff074c03d8637fbd112630c08cd902faa564c4","base_branch":"main","label":""}',0,0,NULL,0,'',NULL,0,NULL,NULL,0.0,1);
INSERT INTO "requests" VALUES('ev-042b0ab2-2d0b-58b3-b653-1ceee07f1238','ev','octo/hello',5,0,'alice',0,1795500000.0,1795500060.0,'https://github.com/octo/hello/pull/5',1007,NULL,'{"kind":"opened","guid":"042b0ab2-2d0b-58b3-b653-1ceee07f1238","sha":"5f2fbd5f4f4391c67c047311947a6b022fa8b4ca","base_branch":"main","label":""}',0,0,NULL,0,'',NULL,0,NULL,NULL,0.0,1);
INSERT INTO "requests" VALUES('ev-89cdaf99-a00e-5344-b22a-76e230d58628','ev','octo/hello',6,0,'alice',0,1795500000.0,1795500060.0,'https://github.com/octo/hello/pull/6',1007,NULL,'{"kind":"opened","guid":"89cdaf99-a00e-5344-b22a-76e230d58628","sha":"a7a217a48ae20201ca4431c4b84f8db036aa1800","base_branch":"main","label":""}',0,0,NULL,0,'',NULL,0,NULL,NULL,0.0,1);
INSERT INTO "requests" VALUES('ev-c2c95872-2d1a-564c-b9fa-38cf1f1d0403','ev','octo/hello',7,0,'alice',0,1795500000.0,1795500060.0,'https://github.com/octo/hello/pull/7',1007,NULL,'{"kind":"opened","guid":"c2c95872-2d1a-564c-b9fa-38cf1f1d0403","sha":"db27db4d2e75d4cd68422ae174ac8878181d2dfb","base_branch":"main","label":""}',0,0,NULL,0,'',NULL,0,NULL,NULL,0.0,1);
INSERT INTO "requests" VALUES('ic-1044','ic','octo/hello',2,1044,'alice',0,1795500060.0,1795500060.0,'https://github.com/octo/hello/pull/2#issuecomment-1044',1007,NULL,NULL,0,1,1053,1,'> `/depot run ci.yml job=lint`

Run [`k91m7mdniv`](https://depot.dev/orgs/k3v9c0t1xa/workflows/k91m7mdniv) of `ci.yml` (`lint`) on `33fc62b`: **finished** in 30 s.

| job | state | took |
|---|---|---|
| `lint` | finished | 30 s |

> `/depot status`

On `33fc62b`:

| run | workflow | trigger | state | jobs |
|---|---|---|---|---|
| [`k91m7mdniv`](https://depot.dev/orgs/k3v9c0t1xa/workflows/k91m7mdniv) |  | `api` | queued |  |

<!-- depot-bot {"commands":[{"id":"ic-1044.1","reason":"started","runs":[{"id":"k91m7mdniv","sha":"33fc62b57fa00f92898e527b71364a67c41f9c4e","state":"finished"}]},{"id":"ic-1044.2","reason":"answered","runs":[]}],"request":"ic-1044","schema":1} -->',1.79550009716567802436e+09,0,NULL,NULL,0.0,10);
INSERT INTO "requests" VALUES('ic-1063','ic','octo/hello',3,1063,'alice',0,1795500120.0,1795500120.0,'https://github.com/octo/hello/pull/3#issuecomment-1063',1007,NULL,NULL,0,1,1073,1,'> `/depot run ci.yml job=build`

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

<!-- depot-bot {"commands":[{"id":"ic-1063.1","reason":"started","runs":[{"id":"c5s3i2z4ax","sha":"41a1b02cae5caf3c7c21807dd93bb355b6dfdcd7","state":"failed"}]}],"request":"ic-1063","schema":1} -->',1795500147.51206,0,NULL,NULL,0.0,9);
INSERT INTO "requests" VALUES('ic-1083','ic','octo/hello',1,1083,'alice',0,1795500180.0,1795500180.0,'https://github.com/octo/hello/pull/1#issuecomment-1083',1007,NULL,NULL,0,1,1093,1,'> `/depot run ci.yml job=test`

Run [`pjev80ivoq`](https://depot.dev/orgs/k3v9c0t1xa/workflows/pjev80ivoq) of `ci.yml` (`test`) on `cc3aefa`: running.

| job | state | took |
|---|---|---|
| `test` | running |  |

<!-- depot-bot {"commands":[{"id":"ic-1083.1","reason":"started","runs":[{"id":"pjev80ivoq","sha":"cc3aefa5acac7d412473ef951935a42aadf246d2","state":"running"}]}],"request":"ic-1083","schema":1} -->',1795500190.0,0,NULL,1.79550024602999591825e+09,0.0,11);
INSERT INTO "requests" VALUES('ic-1101','ic','octo/hello',6,1101,'alice',0,1795500240.0,1795500240.0,'https://github.com/octo/hello/pull/6#issuecomment-1101',1007,NULL,NULL,0,1,NULL,1,'',NULL,1,1795500240.0,1795500241.0,0.0,1);
INSERT INTO "requests" VALUES('ic-1111','ic','octo/hello',4,1111,'alice',0,1795500240.0,1795500240.0,'https://github.com/octo/hello/pull/4#issuecomment-1111',1007,NULL,NULL,1,1,1118,1,'> `/depot run ci.yml job=lint`

Depot''s answer to the start was lost. Looking whether the run has begun, so that it is not started twice.

<!-- depot-bot {"commands":[{"id":"ic-1111.1","reason":"deciding","runs":[]}],"request":"ic-1111","schema":1} -->',1795500240.0,0,NULL,1795500241.0,0.0,1);
INSERT INTO "requests" VALUES('ic-1121','ic','octo/hello',3,1121,'alice',0,1795500240.0,1795500240.0,'https://github.com/octo/hello/pull/3#issuecomment-1121',1007,NULL,NULL,1,1,1126,1,'> `/depot retry`

Depot does not answer right now; still trying.

<!-- depot-bot {"commands":[{"id":"ic-1121.1","reason":"deciding","runs":[]}],"request":"ic-1121","schema":1} -->',1795500240.0,0,NULL,1795500242.0,0.0,1);
INSERT INTO "requests" VALUES('ic-1129','ic','octo/hello',5,1129,'alice',0,1795500240.0,1795500240.0,'https://github.com/octo/hello/pull/5#issuecomment-1129',1007,NULL,NULL,1,1,1136,1,'> `/depot run ci.yml job=lint`

Depot does not answer right now; still trying.

<!-- depot-bot {"commands":[{"id":"ic-1129.1","reason":"deciding","runs":[]}],"request":"ic-1129","schema":1} -->',1795500240.0,0,NULL,1795500242.0,0.0,1);
INSERT INTO "requests" VALUES('ic-1139','ic','octo/hello',7,1139,'alice',0,1795500240.0,1795500240.0,'https://github.com/octo/hello/pull/7#issuecomment-1139',1007,NULL,NULL,1,0,NULL,0,'',NULL,0,NULL,1795500240.0,1795500250.0,1);
INSERT INTO "requests" VALUES('ev-63a94c94-1dac-5473-8097-455ca73c7cd9','ev','octo/hello',8,0,'alice',0,1795500240.0,1795500240.0,'https://github.com/octo/hello/pull/8',1007,NULL,'{"kind":"opened","guid":"63a94c94-1dac-5473-8097-455ca73c7cd9","sha":"86d848859d4b9fd9ae3d0d9f309bba6984344393","base_branch":"main","label":""}',1,0,NULL,0,'',NULL,0,NULL,1795500240.0,0.0,0);
CREATE TABLE runs (
	command_id TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	repo TEXT NOT NULL, 
	sha TEXT NOT NULL, 
	workflow TEXT NOT NULL, 
	job TEXT NOT NULL, 
	is_inline BOOLEAN NOT NULL, 
	in_fork BOOLEAN NOT NULL, 
	note TEXT NOT NULL, 
	failure TEXT NOT NULL, 
	state TEXT NOT NULL, 
	followed_since FLOAT NOT NULL, 
	looks INTEGER NOT NULL, 
	next_look_at FLOAT, 
	PRIMARY KEY (command_id, run_id), 
	FOREIGN KEY(command_id) REFERENCES commands (id)
);
INSERT INTO "runs" VALUES('ic-1044.1','k91m7mdniv','octo/hello','33fc62b57fa00f92898e527b71364a67c41f9c4e','ci.yml','lint',0,0,'','','{"run_id":"k91m7mdniv","org_id":"k3v9c0t1xa","status":"finished","workflows":[{"workflow_id":"1q5cskslca","path":".depot/workflows/ci.yml","status":"finished","name":"CI","error":"","jobs":[{"job_id":"sz8xov5tps","key":"ci.yml:build","status":"skipped","name":"build","attempts":[],"seconds":null},{"job_id":"uj6wkzmrgx","key":"ci.yml:lint","status":"finished","name":"lint","attempts":[{"attempt_id":"bfc1fznv7g","number":1,"status":"finished"}],"seconds":30.0},{"job_id":"k4w95fv44n","key":"ci.yml:test","status":"skipped","name":"test","attempts":[],"seconds":null}]}],"seconds":30.0}',1795500060.0,7,NULL);
INSERT INTO "runs" VALUES('ic-1063.1','c5s3i2z4ax','octo/hello','41a1b02cae5caf3c7c21807dd93bb355b6dfdcd7','ci.yml','build',0,0,'','`build` failed:

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
```','{"run_id":"c5s3i2z4ax","org_id":"k3v9c0t1xa","status":"failed","workflows":[{"workflow_id":"m8pd04hles","path":".depot/workflows/ci.yml","status":"failed","name":"CI","error":"","jobs":[{"job_id":"h1b32jbp74","key":"ci.yml:build","status":"failed","name":"build","attempts":[{"attempt_id":"wpbaeirgda","number":1,"status":"failed"}],"seconds":20.0},{"job_id":"3z2f5v0xqh","key":"ci.yml:lint","status":"skipped","name":"lint","attempts":[],"seconds":null},{"job_id":"s7hq8ey9u5","key":"ci.yml:test","status":"skipped","name":"test","attempts":[],"seconds":null}]}],"seconds":20.0}',1795500120.0,6,NULL);
INSERT INTO "runs" VALUES('ic-1083.1','pjev80ivoq','octo/hello','cc3aefa5acac7d412473ef951935a42aadf246d2','ci.yml','test',0,0,'','','{"run_id":"pjev80ivoq","org_id":"k3v9c0t1xa","status":"running","workflows":[{"workflow_id":"x6gm7qax6i","path":".depot/workflows/ci.yml","status":"running","name":"CI","error":"","jobs":[{"job_id":"8hsg37rjks","key":"ci.yml:build","status":"skipped","name":"build","attempts":[],"seconds":null},{"job_id":"hyqwh3cx3h","key":"ci.yml:lint","status":"skipped","name":"lint","attempts":[],"seconds":null},{"job_id":"vph9xnc9fk","key":"ci.yml:test","status":"running","name":"test","attempts":[{"attempt_id":"iaoxogj91d","number":1,"status":"running"}],"seconds":null}]}],"seconds":null}',1795500180.0,9,1.79550024602999591825e+09);
INSERT INTO "runs" VALUES('ic-1101.1','w0bkum1zq9','octo/hello','a7a217a48ae20201ca4431c4b84f8db036aa1800','ci.yml','lint',0,0,'','','{"run_id":"w0bkum1zq9","org_id":"k3v9c0t1xa","status":"queued","workflows":[],"seconds":null}',1795500240.0,0,1795500242.0);
CREATE TABLE turns (
	name TEXT NOT NULL, 
	next_at FLOAT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "turns" VALUES('missed deliveries',1795500540.0);
CREATE INDEX heads_commit ON heads (repo, sha);
CREATE INDEX requests_due ON requests (due_at);
CREATE INDEX requests_pull ON requests (repo, number, deciding);
CREATE INDEX requests_received ON requests (received_at);
CREATE INDEX commands_request ON commands (request_id);
CREATE INDEX intents_command ON intents (command_id);
CREATE UNIQUE INDEX intents_open ON intents (repo, sha, workflow) WHERE outcome = 'open';
CREATE INDEX runs_commit ON runs (repo, sha);
CREATE INDEX runs_run ON runs (run_id);
COMMIT;
