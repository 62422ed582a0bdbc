"""History, schedules, sign-ins and keys (the other libraries)."""

from django.utils.translation import gettext_noop, ngettext_lazy

# django-simple-history, and unfold's pages for it.
gettext_noop("View history: %s")
gettext_noop("View %(verbose_name)s")
gettext_noop("Revert %s")
gettext_noop("Revert %(verbose_name)s")
gettext_noop("Revert")
gettext_noop("Change History")
gettext_noop('The %(name)s "%(obj)s" was changed successfully.')
gettext_noop("You may edit it again below")
gettext_noop("Created")
gettext_noop("Changed")
gettext_noop("Deleted")
gettext_noop("Deleted %(type_name)s")
gettext_noop(
    "Choose a date from the list below to revert to a previous version of this object"
)
gettext_noop(
    "Choose a date from the list below to revert to a previous version of this object."
)
gettext_noop("This object doesn't have a change history.")
gettext_noop("Press the 'Revert' button below to revert to this version of the object.")
gettext_noop("Press the 'Change History' button below to edit the history.")
gettext_noop("Object")
gettext_noop("Comment")
gettext_noop("Changed by")
gettext_noop("Change reason")
gettext_noop("Changes")

# django-celery-beat.
gettext_noop("Periodic Tasks")
gettext_noop("periodic task")
gettext_noop("periodic tasks")
gettext_noop("crontab")
gettext_noop("crontabs")
gettext_noop("interval")
gettext_noop("intervals")
gettext_noop("Interval Schedule")
gettext_noop(
    "Interval Schedule to run the task on.  Set only one schedule type, leave the "
    "others null."
)
gettext_noop("Crontab Schedule")
gettext_noop(
    "Crontab Schedule to run the task on.  Set only one schedule type, leave the "
    "others null."
)
gettext_noop("Short Description For This Task")
gettext_noop("Description")
gettext_noop("Detailed description about the details of this Periodic Task")
gettext_noop("Set to False to disable the schedule")
gettext_noop("Last Run Datetime")
gettext_noop(
    "Datetime that the schedule last triggered the task to run. Reset to None if "
    "enabled is set to False."
)
gettext_noop("Task (registered)")
gettext_noop("Task (custom)")
gettext_noop("Need name of task")
gettext_noop("Unable to parse JSON: %s")
gettext_noop(
    "The Name of the Celery Task that Should be Run.  (Example: "
    '"proj.tasks.import_contacts")'
)
gettext_noop("Positional Arguments")
gettext_noop('JSON encoded positional arguments (Example: ["arg1", "arg2"])')
gettext_noop("Keyword Arguments")
gettext_noop('JSON encoded keyword arguments (Example: {"argument": "value"})')
gettext_noop("Enable selected tasks")
gettext_noop("Disable selected tasks")
gettext_noop("Run selected tasks")
gettext_noop('task "{not_found_task_name}" not found')
gettext_noop("Minute(s)")
gettext_noop('Cron Minutes to Run. Use "*" for "all". (Example: "0,30")')
gettext_noop("Hour(s)")
gettext_noop('Cron Hours to Run. Use "*" for "all". (Example: "8,20")')
gettext_noop("Day(s) Of The Month")
gettext_noop('Cron Days Of The Month to Run. Use "*" for "all". (Example: "1,15")')
gettext_noop("Month(s) Of The Year")
gettext_noop('Cron Months (1-12) Of The Year to Run. Use "*" for "all". (Example: "1,12")')
gettext_noop("Day(s) Of The Week")
gettext_noop(
    'Cron Days Of The Week to Run. Use "*" for "all", Sunday is 0 or 7, Monday is 1. '
    '(Example: "0,5")'
)
gettext_noop("Cron Timezone")
gettext_noop("Timezone to Run the Cron Schedule on. Default is UTC.")
gettext_noop("Number of Periods")
gettext_noop("Number of interval periods to wait before running the task again")
gettext_noop("Interval Period")
gettext_noop("The type of period between task runs (Example: days)")
gettext_noop("every {}")
gettext_noop("every {} {}")
gettext_noop("Days")
gettext_noop("Hours")
gettext_noop("Minutes")
gettext_noop("Seconds")
gettext_noop("Microseconds")
gettext_noop("Day")
gettext_noop("Hour")
gettext_noop("Minute")
gettext_noop("Second")
gettext_noop("Microsecond")
gettext_noop("Periodic Task")
ngettext_lazy("{0} task was successfully enabled", "{0} tasks were successfully enabled")
ngettext_lazy("{0} task was successfully disabled", "{0} tasks were successfully disabled")

# django-axes.
gettext_noop("Locked Out")
gettext_noop("Account locked: too many login attempts. Please try again later.")
gettext_noop(
    "Account locked: too many login attempts. Contact an admin to unlock your account."
)
gettext_noop("Clean up expired attempts")
gettext_noop("Cleaned up {count} expired access attempts.")
gettext_noop("User Agent")
gettext_noop("IP Address")
gettext_noop("Path")
gettext_noop("Attempt Time")
gettext_noop("Failed Logins")
gettext_noop("Logout Time")
gettext_noop("access attempt")
gettext_noop("access attempts")
gettext_noop("access log")
gettext_noop("access logs")
gettext_noop("access failure")
gettext_noop("access failures")
gettext_noop("access attempt expiration")
gettext_noop("access attempt expirations")

# djangorestframework-api-key.
gettext_noop("A free-form name for the API key. Need not be unique. 50 characters max.")
gettext_noop(
    "If the API key is revoked, clients cannot use it anymore. (This cannot be undone.)"
)
gettext_noop("Expires")
gettext_noop("Once API key expires, clients cannot use it anymore.")
gettext_noop("The API key has been revoked, which cannot be undone.")
