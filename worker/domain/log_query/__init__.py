"""A part of the query language of CloudWatch Logs Insights, so that a query of deploy/ also runs over lines on disk.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
"""

from worker.domain.log_query.commands import run_query
from worker.domain.log_query.expressions import QuerySyntaxError

__all__ = ["QuerySyntaxError", "run_query"]
