"""Incidents, people's word on findings with its review, and what the quality came to week by week."""

from alembic import context, op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_OWN = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"
_MAY = {
    "incidents": "select, insert, update",
    "incident_evidence": "select, insert",
    # A word that was given stays as it was given; a later one stands beside it.
    "feedback": "select, insert",
    "feedback_reviews": "select, insert",
    "quality_evaluations": "select, insert",
}


def upgrade() -> None:
    op.execute(
        """
        create table analysis.incidents (
            tenant_id       uuid not null,
            id              uuid not null,
            application     text check (char_length(application) <= 128),
            theme           text not null check (char_length(theme) <= 128),
            opened_at       timestamptz not null,
            last_at         timestamptz not null,
            level           text not null,
            worst_score     double precision not null check (worst_score between 0 and 100),
            analyses        integer not null check (analyses > 0),
            labels          text[] not null,
            status          text not null,
            acknowledged_at timestamptz,
            acknowledged_by text,
            resolved_at     timestamptz,
            resolved_by     text,
            resolution      text,
            primary key (tenant_id, id)
        )
        """
    )
    op.execute("create index incidents_recent on analysis.incidents (tenant_id, opened_at desc, id desc)")
    op.execute("create index incidents_growing on analysis.incidents (tenant_id, last_at)")
    op.execute(
        """
        create table analysis.incident_evidence (
            tenant_id   uuid not null,
            analysis_id uuid not null,
            incident_id uuid not null,
            at          timestamptz not null,
            risk_score  double precision not null check (risk_score between 0 and 100),
            level       text not null,
            labels      text[] not null,
            primary key (tenant_id, analysis_id),
            foreign key (tenant_id, incident_id)
                references analysis.incidents (tenant_id, id) on delete cascade
        )
        """
    )
    op.execute(
        "create index incident_evidence_timeline on analysis.incident_evidence (tenant_id, incident_id, at)"
    )
    op.execute(
        """
        create table analysis.feedback (
            tenant_id   uuid not null,
            id          uuid not null,
            evidence_id uuid not null,
            finding_id  text not null check (char_length(finding_id) <= 64),
            verdict     text not null,
            label       text not null,
            right_label text,
            raw_label   text check (char_length(raw_label) <= 200),
            detector    text check (char_length(detector) <= 128),
            tier        text check (char_length(tier) <= 32),
            score       double precision not null check (score between 0 and 1),
            confidence  double precision not null check (confidence between 0 and 1),
            analysed_at timestamptz not null,
            given_at    timestamptz not null,
            given_by    text not null,
            primary key (tenant_id, id)
        )
        """
    )
    op.execute("create index feedback_recent on analysis.feedback (tenant_id, given_at desc, id desc)")
    op.execute("create index feedback_of_finding on analysis.feedback (tenant_id, evidence_id, finding_id)")
    op.execute(
        """
        create table analysis.feedback_reviews (
            tenant_id   uuid not null,
            feedback_id uuid not null,
            accepted    boolean not null,
            reviewed_at timestamptz not null,
            reviewed_by text not null,
            primary key (tenant_id, feedback_id),
            foreign key (tenant_id, feedback_id)
                references analysis.feedback (tenant_id, id) on delete cascade
        )
        """
    )
    op.execute(
        """
        create table analysis.quality_evaluations (
            tenant_id    uuid not null,
            span_end     timestamptz not null,
            span_start   timestamptz not null,
            figures      jsonb not null,
            evaluated_at timestamptz not null,
            primary key (tenant_id, span_end)
        )
        """
    )
    role = context.config.attributes["runtime_role"]
    for table, rights in _MAY.items():
        op.execute(f"alter table analysis.{table} enable row level security")
        op.execute(f"alter table analysis.{table} force row level security")
        op.execute(f"create policy own_tenant on analysis.{table} using ({_OWN}) with check ({_OWN})")
        op.execute(f'grant {rights} on analysis.{table} to "{role}"')


def downgrade() -> None:
    for table in ("quality_evaluations", "feedback_reviews", "feedback", "incident_evidence", "incidents"):
        op.execute(f"drop table analysis.{table}")
