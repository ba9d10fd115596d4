"""Log lines are JSON, one an event, metadata only."""

import logging
import sys

import stamina
import structlog


def configure_logging(level: str) -> None:
    """Send every log line, ours and the libraries', to stdout as JSON.

    Libraries are kept to warnings, and their exception texts are dropped: such a text may quote
    request data, and no content may reach a log.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            # First, or a line that nobody wants is put together all the same.
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _drop_exception_text],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("mapper_svc").setLevel(level)
    # Its own hook logs the words of the exception that it retries on.
    stamina.instrumentation.set_on_retry_hooks(())


def _drop_exception_text(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    record = event.get("_record")
    if isinstance(record, logging.LogRecord) and record.exc_info and record.exc_info[0]:
        event["error_type"] = record.exc_info[0].__qualname__
        record.exc_info = None
        record.exc_text = None
    event.pop("exc_info", None)
    return event
