"""Analyses and their findings, kept as evidence: canonical metadata, never text."""

from alembic import context, op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        create table analysis.analyses (
            tenant_id           uuid not null,
            id                  uuid not null,
            analysed_at         timestamptz not null,
            request_id          text check (char_length(request_id) <= 128),
            application         text check (char_length(application) <= 128),
            risk_score          double precision not null check (risk_score between 0 and 100),
            risk_low            double precision not null check (risk_low between 0 and 100),
            risk_high           double precision not null check (risk_high between 0 and 100),
            level               text not null,
            taxonomy            text not null,
            detectors_required  text[] not null,
            detectors_succeeded text[] not null,
            detectors_failed    jsonb not null,
            violated            text[] not null,
            primary key (tenant_id, id)
        )
        """
    )
    op.execute("create index analyses_recent on analysis.analyses (tenant_id, analysed_at desc, id desc)")
    op.execute(
        """
        create table analysis.findings (
            tenant_id   uuid not null,
            analysis_id uuid not null,
            finding_id  text not null check (char_length(finding_id) <= 64),
            label       text not null,
            score       double precision not null check (score between 0 and 1),
            confidence  double precision not null check (confidence between 0 and 1),
            detector    text check (char_length(detector) <= 128),
            tier        text check (char_length(tier) <= 32),
            occurrences integer not null check (occurrences > 0),
            primary key (tenant_id, analysis_id, finding_id),
            foreign key (tenant_id, analysis_id)
                references analysis.analyses (tenant_id, id) on delete cascade
        )
        """
    )
    op.execute("create index findings_by_label on analysis.findings (tenant_id, label)")
    role = context.config.attributes["runtime_role"]
    for table in ("analyses", "findings"):
        op.execute(f"alter table analysis.{table} enable row level security")
        op.execute(f"alter table analysis.{table} force row level security")
        op.execute(
            f"""
            create policy own_tenant on analysis.{table}
                using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
                with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
            """
        )
        # Evidence is written once; the service itself can neither change nor remove it.
        op.execute(f'grant select, insert on analysis.{table} to "{role}"')


def downgrade() -> None:
    op.execute("drop table analysis.findings")
    op.execute("drop table analysis.analyses")
