-- A small catalogue that the code of version 0003 of its tables made.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0003');
CREATE TABLE answer (
	id VARCHAR NOT NULL, 
	question_id VARCHAR NOT NULL, 
	annotation_id INTEGER NOT NULL, 
	person VARCHAR NOT NULL, 
	seconds FLOAT NOT NULL, 
	state VARCHAR NOT NULL, 
	reason VARCHAR, 
	raw JSON NOT NULL, 
	answered_at DATETIME NOT NULL, 
	received_at DATETIME NOT NULL, 
	heard_by VARCHAR NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(question_id) REFERENCES question (id)
);
INSERT INTO "answer" VALUES('answer-0','question-0',1,'ada@labelline.local',3.5,'counted',NULL,'[]','2026-01-02 03:04:05.000600','2026-01-02 03:04:05.000600','poll');
INSERT INTO "answer" VALUES('answer-1','question-1',2,'ada@labelline.local',3.5,'counted',NULL,'[]','2026-01-02 03:04:05.000600','2026-01-02 03:04:05.000600','poll');
INSERT INTO "answer" VALUES('answer-2','question-2',3,'ada@labelline.local',3.5,'counted',NULL,'[]','2026-01-02 03:04:05.000600','2026-01-02 03:04:05.000600','poll');
INSERT INTO "answer" VALUES('answer-3','question-3',4,'ada@labelline.local',3.5,'counted',NULL,'[]','2026-01-02 03:04:05.000600','2026-01-02 03:04:05.000600','poll');
CREATE TABLE audit (
	batch_id VARCHAR NOT NULL, 
	item_id VARCHAR NOT NULL, 
	why VARCHAR NOT NULL, 
	seed INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (batch_id, item_id), 
	FOREIGN KEY(batch_id) REFERENCES batch (id), 
	FOREIGN KEY(item_id) REFERENCES item (id)
);
INSERT INTO "audit" VALUES('batch-1','item-3','random',1,'2026-01-02 03:04:05.000600');
CREATE TABLE band (
	batch_id VARCHAR NOT NULL, 
	detector VARCHAR NOT NULL, 
	recipe VARCHAR NOT NULL, 
	class_name VARCHAR NOT NULL, 
	collection VARCHAR NOT NULL, 
	standing VARCHAR NOT NULL, 
	accept_from FLOAT, 
	epsilon FLOAT NOT NULL, 
	delta FLOAT NOT NULL, 
	scope VARCHAR NOT NULL, 
	population INTEGER NOT NULL, 
	share_accepted FLOAT NOT NULL, 
	draws INTEGER NOT NULL, 
	judged INTEGER NOT NULL, 
	wrong INTEGER NOT NULL, 
	more_audits INTEGER, 
	reason VARCHAR NOT NULL, 
	certified_at DATETIME, 
	withdrawn_at DATETIME, 
	PRIMARY KEY (batch_id, detector, recipe, class_name), 
	FOREIGN KEY(batch_id) REFERENCES batch (id)
);
CREATE TABLE batch (
	id VARCHAR NOT NULL, 
	collection VARCHAR NOT NULL, 
	detector VARCHAR, 
	flow_run_id VARCHAR, 
	created_at DATETIME NOT NULL, 
	settled_at DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "batch" VALUES('batch-1','lots','d1',NULL,'2026-01-02 03:04:05.000600','2026-01-02 03:04:05.000600');
CREATE TABLE batch_item (
	batch_id VARCHAR NOT NULL, 
	item_id VARCHAR NOT NULL, 
	position INTEGER NOT NULL, 
	route VARCHAR, 
	reasons JSON NOT NULL, 
	set_aside VARCHAR, 
	settled_at DATETIME, 
	PRIMARY KEY (batch_id, item_id), 
	FOREIGN KEY(batch_id) REFERENCES batch (id), 
	FOREIGN KEY(item_id) REFERENCES item (id)
);
INSERT INTO "batch_item" VALUES('batch-1','item-0',0,'ask','[]',NULL,'2026-01-02 03:04:05.000600');
INSERT INTO "batch_item" VALUES('batch-1','item-1',1,'ask','[]',NULL,'2026-01-02 03:04:05.000600');
INSERT INTO "batch_item" VALUES('batch-1','item-2',2,'ask','[]',NULL,'2026-01-02 03:04:05.000600');
INSERT INTO "batch_item" VALUES('batch-1','item-3',3,'ask','[]',NULL,'2026-01-02 03:04:05.000600');
CREATE TABLE bookmark (
	name VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	updated_at DATETIME NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE certificate (
	snapshot_id VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	summary JSON NOT NULL, 
	issued_at DATETIME NOT NULL, 
	PRIMARY KEY (snapshot_id), 
	FOREIGN KEY(snapshot_id) REFERENCES snapshot (id)
);
CREATE TABLE decision (
	question_id VARCHAR NOT NULL, 
	queue VARCHAR NOT NULL, 
	batch_id VARCHAR NOT NULL, 
	step VARCHAR NOT NULL, 
	expected_wrong FLOAT NOT NULL, 
	people JSON NOT NULL, 
	members JSON NOT NULL, 
	reasons JSON NOT NULL, 
	answer_id VARCHAR, 
	decided_at DATETIME NOT NULL, 
	PRIMARY KEY (question_id), 
	FOREIGN KEY(answer_id) REFERENCES answer (id), 
	FOREIGN KEY(batch_id) REFERENCES batch (id), 
	FOREIGN KEY(question_id) REFERENCES question (id)
);
CREATE TABLE gold (
	id VARCHAR NOT NULL, 
	queue VARCHAR NOT NULL, 
	collection VARCHAR NOT NULL, 
	item_id VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	payload JSON NOT NULL, 
	truth JSON NOT NULL, 
	why VARCHAR NOT NULL, 
	retired_at DATETIME, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(item_id) REFERENCES item (id)
);
CREATE TABLE item (
	id VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	sequence VARCHAR NOT NULL, 
	media_type VARCHAR NOT NULL, 
	size_bytes INTEGER NOT NULL, 
	width INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	orientation INTEGER NOT NULL, 
	plain BOOLEAN NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "item" VALUES('item-0','images/0','0.png','lot-0','image/png',1000,640,480,1,1,'2026-01-02 03:04:05.000600');
INSERT INTO "item" VALUES('item-1','images/1','1.png','lot-0','image/png',1001,640,481,1,1,'2026-01-02 03:04:05.000600');
INSERT INTO "item" VALUES('item-2','images/2','2.png','lot-1','image/png',1002,640,482,1,1,'2026-01-02 03:04:05.000600');
INSERT INTO "item" VALUES('item-3','images/3','3.png','lot-1','image/png',1003,640,483,1,1,'2026-01-02 03:04:05.000600');
CREATE TABLE judgement (
	batch_id VARCHAR NOT NULL, 
	proposal_id VARCHAR NOT NULL, 
	collection VARCHAR NOT NULL, 
	detector VARCHAR NOT NULL, 
	recipe VARCHAR NOT NULL, 
	class_name VARCHAR NOT NULL, 
	item_id VARCHAR NOT NULL, 
	drawn VARCHAR NOT NULL, 
	rank INTEGER NOT NULL, 
	probability FLOAT NOT NULL, 
	population INTEGER NOT NULL, 
	frame VARCHAR NOT NULL, 
	floor FLOAT NOT NULL, 
	said VARCHAR, 
	person VARCHAR, 
	answer_id VARCHAR, 
	drawn_at DATETIME NOT NULL, 
	judged_at DATETIME, 
	PRIMARY KEY (batch_id, proposal_id), 
	FOREIGN KEY(batch_id) REFERENCES batch (id), 
	FOREIGN KEY(proposal_id) REFERENCES proposal (id), 
	FOREIGN KEY(item_id) REFERENCES item (id), 
	FOREIGN KEY(answer_id) REFERENCES answer (id)
);
CREATE TABLE label (
	id VARCHAR NOT NULL, 
	item_id VARCHAR NOT NULL, 
	region VARCHAR NOT NULL, 
	revision INTEGER NOT NULL, 
	retracted BOOLEAN NOT NULL, 
	class_name VARCHAR NOT NULL, 
	kind VARCHAR, 
	x_min FLOAT NOT NULL, 
	y_min FLOAT NOT NULL, 
	x_max FLOAT NOT NULL, 
	y_max FLOAT NOT NULL, 
	origin VARCHAR NOT NULL, 
	batch_id VARCHAR NOT NULL, 
	proposal_id VARCHAR, 
	answer_id VARCHAR, 
	kind_answer_id VARCHAR, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(answer_id) REFERENCES answer (id), 
	FOREIGN KEY(batch_id) REFERENCES batch (id), 
	FOREIGN KEY(item_id) REFERENCES item (id), 
	FOREIGN KEY(kind_answer_id) REFERENCES answer (id), 
	FOREIGN KEY(proposal_id) REFERENCES proposal (id), 
	UNIQUE (item_id, region, revision)
);
INSERT INTO "label" VALUES('label-0','item-0','proposal-0',0,0,'car',NULL,0.0,1.5,20.25,33.3,'person','batch-1','proposal-0','answer-0',NULL,'2026-01-02 03:04:05.000600');
INSERT INTO "label" VALUES('label-1','item-1','proposal-1',0,0,'van',NULL,100.0,100.0,140.125,120.0,'person','batch-1','proposal-1','answer-1',NULL,'2026-01-02 03:04:05.000600');
INSERT INTO "label" VALUES('label-2','item-2','proposal-2',0,0,'car',NULL,0.1,0.2,3.00000000000000044408e-01,4.0,'person','batch-1','proposal-2','answer-2',NULL,'2026-01-02 03:04:05.000600');
INSERT INTO "label" VALUES('label-3','item-3','proposal-3',0,0,'van',NULL,0.0,1.5,20.25,33.3,'person','batch-1','proposal-3','answer-3',NULL,'2026-01-02 03:04:05.000600');
INSERT INTO "label" VALUES('label-4','item-0','proposal-4',0,0,'car',NULL,100.0,100.0,140.125,120.0,'person','batch-1','proposal-4','answer-0',NULL,'2026-01-02 03:04:05.000600');
INSERT INTO "label" VALUES('label-5','item-1','proposal-5',0,0,'van',NULL,0.1,0.2,3.00000000000000044408e-01,4.0,'person','batch-1','proposal-5','answer-1',NULL,'2026-01-02 03:04:05.000600');
INSERT INTO "label" VALUES('label-6','item-2','proposal-6',0,0,'car',NULL,0.0,1.5,20.25,33.3,'person','batch-1','proposal-6','answer-2',NULL,'2026-01-02 03:04:05.000600');
INSERT INTO "label" VALUES('label-7','item-3','proposal-7',0,0,'van',NULL,100.0,100.0,140.125,120.0,'person','batch-1','proposal-7','answer-3',NULL,'2026-01-02 03:04:05.000600');
INSERT INTO "label" VALUES('label-8','item-0','proposal-0',1,1,'car',NULL,0.0,1.5,20.25,33.3,'person','batch-1',NULL,NULL,NULL,'2026-01-02 03:04:05.000600');
CREATE TABLE proposal (
	id VARCHAR NOT NULL, 
	item_id VARCHAR NOT NULL, 
	detector VARCHAR NOT NULL, 
	recipe VARCHAR NOT NULL, 
	class_name VARCHAR NOT NULL, 
	score FLOAT NOT NULL, 
	x_min FLOAT NOT NULL, 
	y_min FLOAT NOT NULL, 
	x_max FLOAT NOT NULL, 
	y_max FLOAT NOT NULL, 
	"view" VARCHAR NOT NULL, 
	tile VARCHAR, 
	seam BOOLEAN NOT NULL, 
	merged_from JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(item_id) REFERENCES item (id)
);
INSERT INTO "proposal" VALUES('proposal-0','item-0','d1','r1','car',0.5,0.0,1.5,20.25,33.3,'tile','0,0,640,640',1,'[{"view": "tile", "score": 0.5}]','2026-01-02 03:04:05.000600');
INSERT INTO "proposal" VALUES('proposal-1','item-1','d1','r1','van',0.55,100.0,100.0,140.125,120.0,'tile','0,0,640,640',0,'[{"view": "tile", "score": 0.5}]','2026-01-02 03:04:05.000600');
INSERT INTO "proposal" VALUES('proposal-2','item-2','d1','r1','car',0.6,0.1,0.2,3.00000000000000044408e-01,4.0,'tile','0,0,640,640',1,'[{"view": "tile", "score": 0.5}]','2026-01-02 03:04:05.000600');
INSERT INTO "proposal" VALUES('proposal-3','item-3','d1','r1','van',0.65,0.0,1.5,20.25,33.3,'tile','0,0,640,640',0,'[{"view": "tile", "score": 0.5}]','2026-01-02 03:04:05.000600');
INSERT INTO "proposal" VALUES('proposal-4','item-0','d1','r1','car',0.7,100.0,100.0,140.125,120.0,'tile','0,0,640,640',1,'[{"view": "tile", "score": 0.5}]','2026-01-02 03:04:05.000600');
INSERT INTO "proposal" VALUES('proposal-5','item-1','d1','r1','van',0.75,0.1,0.2,3.00000000000000044408e-01,4.0,'tile','0,0,640,640',0,'[{"view": "tile", "score": 0.5}]','2026-01-02 03:04:05.000600');
INSERT INTO "proposal" VALUES('proposal-6','item-2','d1','r1','car',0.8,0.0,1.5,20.25,33.3,'tile','0,0,640,640',1,'[{"view": "tile", "score": 0.5}]','2026-01-02 03:04:05.000600');
INSERT INTO "proposal" VALUES('proposal-7','item-3','d1','r1','van',0.85,100.0,100.0,140.125,120.0,'tile','0,0,640,640',0,'[{"view": "tile", "score": 0.5}]','2026-01-02 03:04:05.000600');
CREATE TABLE question (
	id VARCHAR NOT NULL, 
	queue VARCHAR NOT NULL, 
	batch_id VARCHAR NOT NULL, 
	item_id VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	round INTEGER NOT NULL, 
	payload JSON NOT NULL, 
	priority FLOAT NOT NULL, 
	state VARCHAR NOT NULL, 
	project_id INTEGER, 
	task_id INTEGER, 
	created_at DATETIME NOT NULL, 
	posted_at DATETIME, asked_id VARCHAR, gold_id VARCHAR, 
	PRIMARY KEY (id), 
	FOREIGN KEY(batch_id) REFERENCES batch (id), 
	FOREIGN KEY(item_id) REFERENCES item (id), 
	UNIQUE (queue, batch_id, item_id, subject, round)
);
INSERT INTO "question" VALUES('question-0','mark-missed','batch-1','item-0','',0,'{"type": "boxes"}',0.0,'answered',NULL,NULL,'2026-01-02 03:04:05.000600','2026-01-02 03:04:05.000600',NULL,NULL);
INSERT INTO "question" VALUES('question-1','mark-missed','batch-1','item-1','',0,'{"type": "boxes"}',0.0,'answered',NULL,NULL,'2026-01-02 03:04:05.000600','2026-01-02 03:04:05.000600',NULL,NULL);
INSERT INTO "question" VALUES('question-2','mark-missed','batch-1','item-2','',0,'{"type": "boxes"}',0.0,'answered',NULL,NULL,'2026-01-02 03:04:05.000600','2026-01-02 03:04:05.000600',NULL,NULL);
INSERT INTO "question" VALUES('question-3','mark-missed','batch-1','item-3','',0,'{"type": "boxes"}',0.0,'answered',NULL,NULL,'2026-01-02 03:04:05.000600','2026-01-02 03:04:05.000600',NULL,NULL);
CREATE TABLE scan (
	item_id VARCHAR NOT NULL, 
	detector VARCHAR NOT NULL, 
	recipe VARCHAR NOT NULL, 
	proposals INTEGER NOT NULL, 
	whole_frame INTEGER NOT NULL, 
	tiles INTEGER NOT NULL, 
	embedding BLOB, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (item_id, detector, recipe), 
	FOREIGN KEY(item_id) REFERENCES item (id)
);
INSERT INTO "scan" VALUES('item-0','d1','r1',2,1,1,NULL,'2026-01-02 03:04:05.000600');
INSERT INTO "scan" VALUES('item-1','d1','r1',2,1,1,NULL,'2026-01-02 03:04:05.000600');
INSERT INTO "scan" VALUES('item-2','d1','r1',2,1,1,NULL,'2026-01-02 03:04:05.000600');
INSERT INTO "scan" VALUES('item-3','d1','r1',2,1,1,NULL,'2026-01-02 03:04:05.000600');
CREATE TABLE sequence_split (
	collection VARCHAR NOT NULL, 
	sequence VARCHAR NOT NULL, 
	split VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (collection, sequence)
);
INSERT INTO "sequence_split" VALUES('lots','lot-0','train','2026-01-02 03:04:05.000600');
INSERT INTO "sequence_split" VALUES('lots','lot-1','test','2026-01-02 03:04:05.000600');
CREATE TABLE snapshot (
	id VARCHAR NOT NULL, 
	collection VARCHAR NOT NULL, 
	manifest_key VARCHAR NOT NULL, 
	classes JSON NOT NULL, 
	items INTEGER NOT NULL, 
	labels INTEGER NOT NULL, 
	splits JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE source (
	collection VARCHAR NOT NULL, 
	uri VARCHAR NOT NULL, 
	item_id VARCHAR, 
	state VARCHAR NOT NULL, 
	reason VARCHAR, 
	seen_at DATETIME NOT NULL, 
	PRIMARY KEY (collection, uri), 
	FOREIGN KEY(item_id) REFERENCES item (id)
);
INSERT INTO "source" VALUES('lots','file:///0.png','item-0','taken',NULL,'2026-01-02 03:04:05.000600');
INSERT INTO "source" VALUES('lots','file:///1.png','item-1','taken',NULL,'2026-01-02 03:04:05.000600');
INSERT INTO "source" VALUES('lots','file:///2.png','item-2','taken',NULL,'2026-01-02 03:04:05.000600');
INSERT INTO "source" VALUES('lots','file:///3.png','item-3','taken',NULL,'2026-01-02 03:04:05.000600');
CREATE TABLE standing (
	queue VARCHAR NOT NULL, 
	person VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	passed INTEGER NOT NULL, 
	"of" INTEGER NOT NULL, 
	lower FLOAT NOT NULL, 
	suspended_since DATETIME, 
	reinstated_at DATETIME, 
	reason VARCHAR NOT NULL, 
	updated_at DATETIME NOT NULL, 
	PRIMARY KEY (queue, person)
);
CREATE TABLE verdict (
	batch_id VARCHAR NOT NULL, 
	proposal_id VARCHAR NOT NULL, 
	outcome VARCHAR NOT NULL, 
	reasons JSON NOT NULL, 
	PRIMARY KEY (batch_id, proposal_id), 
	FOREIGN KEY(batch_id) REFERENCES batch (id), 
	FOREIGN KEY(proposal_id) REFERENCES proposal (id)
);
INSERT INTO "verdict" VALUES('batch-1','proposal-0','ask','["unsure"]');
INSERT INTO "verdict" VALUES('batch-1','proposal-1','ask','["unsure"]');
INSERT INTO "verdict" VALUES('batch-1','proposal-2','ask','["unsure"]');
INSERT INTO "verdict" VALUES('batch-1','proposal-3','ask','["unsure"]');
INSERT INTO "verdict" VALUES('batch-1','proposal-4','ask','["unsure"]');
INSERT INTO "verdict" VALUES('batch-1','proposal-5','ask','["unsure"]');
INSERT INTO "verdict" VALUES('batch-1','proposal-6','ask','["unsure"]');
INSERT INTO "verdict" VALUES('batch-1','proposal-7','ask','["unsure"]');
CREATE TABLE waiting (
	flow_run_id VARCHAR NOT NULL, 
	queue VARCHAR NOT NULL, 
	batch_id VARCHAR NOT NULL, 
	round INTEGER NOT NULL, 
	until JSON NOT NULL, 
	since DATETIME NOT NULL, 
	PRIMARY KEY (flow_run_id)
);
CREATE INDEX ix_batch_collection ON batch (collection);
CREATE INDEX ix_item_sequence ON item (sequence);
CREATE INDEX ix_snapshot_collection ON snapshot (collection);
CREATE INDEX ix_batch_item_item_id ON batch_item (item_id);
CREATE INDEX ix_proposal_scan ON proposal (item_id, detector, recipe);
CREATE INDEX ix_question_batch_id ON question (batch_id);
CREATE INDEX ix_question_project_id ON question (project_id);
CREATE INDEX ix_question_queue ON question (queue);
CREATE INDEX ix_question_state ON question (state);
CREATE INDEX ix_question_task_id ON question (task_id);
CREATE INDEX ix_source_item_id ON source (item_id);
CREATE INDEX ix_answer_annotation_id ON answer (annotation_id);
CREATE INDEX ix_answer_person ON answer (person);
CREATE INDEX ix_answer_question_id ON answer (question_id);
CREATE INDEX ix_answer_state ON answer (state);
CREATE INDEX ix_verdict_proposal_id ON verdict (proposal_id);
CREATE INDEX ix_label_answer_id ON label (answer_id);
CREATE INDEX ix_label_batch_id ON label (batch_id);
CREATE INDEX ix_label_item_id ON label (item_id);
CREATE INDEX ix_label_proposal_id ON label (proposal_id);
CREATE INDEX ix_gold_queue ON gold (queue);
CREATE INDEX ix_gold_collection ON gold (collection);
CREATE INDEX ix_decision_queue ON decision (queue);
CREATE INDEX ix_decision_batch_id ON decision (batch_id);
CREATE INDEX ix_question_asked_id ON question (asked_id);
CREATE INDEX ix_question_gold_id ON question (gold_id);
CREATE INDEX ix_judgement_proposal_id ON judgement (proposal_id);
CREATE INDEX ix_judgement_answer_id ON judgement (answer_id);
CREATE INDEX ix_judgement_detector ON judgement (collection, detector, recipe, class_name);
CREATE INDEX ix_band_collection ON band (collection);
COMMIT;
