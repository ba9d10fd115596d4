"""What a review accepts is left out of the status, so that a review takes the count of its hour away.

Only adds triggers: to what was reviewed, and to feedback, whose reviews go with it. They run with the rights
of whoever does it, and only for reviews that accept: others change nothing.
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        create function analysis.forget_hour_of_review() returns trigger language plpgsql as $$
        declare
            review analysis.feedback_reviews;
        begin
            if tg_op = 'DELETE' then review := old; else review := new; end if;
            delete from analysis.rolled_hours rolled
            using analysis.feedback word
            where word.tenant_id = review.tenant_id and word.id = review.feedback_id
              and rolled.tenant_id = word.tenant_id
              and rolled.hour = date_trunc('hour', word.analysed_at, 'UTC');
            return null;
        end $$
        """
    )
    for verb, row in (("insert", "new"), ("delete", "old")):
        op.execute(
            f"""
            create trigger forget_hour_of_{verb} after {verb} on analysis.feedback_reviews for each row
            when ({row}.accepted) execute function analysis.forget_hour_of_review()
            """
        )
    op.execute(
        """
        create trigger forget_hour_of_update after update on analysis.feedback_reviews for each row
        execute function analysis.forget_hour_of_review()
        """
    )
    # Deleted with its feedback, a review is behind it and finds it no more.
    for verb, row in (("delete", "old"), ("update", "old"), ("update", "new")):
        op.execute(
            f"""
            create trigger forget_hours_of_{verb}_{row} after {verb} on analysis.feedback
            referencing {row} table as changed for each statement execute function analysis.forget_hours()
            """
        )


def downgrade() -> None:
    for name in ("delete_old", "update_old", "update_new"):
        op.execute(f"drop trigger forget_hours_of_{name} on analysis.feedback")
    for verb in ("insert", "delete", "update"):
        op.execute(f"drop trigger forget_hour_of_{verb} on analysis.feedback_reviews")
    op.execute("drop function analysis.forget_hour_of_review()")
    # Counted with reviews, hours are no longer what the older statements would come to; those name another
    # way of counting and count anew.
