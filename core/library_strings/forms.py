"""Staff, passwords, and what a form says when it refuses (Django)."""

from django.utils.translation import gettext_noop, ngettext_lazy

# Django: people and passwords.
gettext_noop("Authentication and Authorization")
gettext_noop("username")
gettext_noop("Username")
gettext_noop("password")
gettext_noop("Password")
gettext_noop("first name")
gettext_noop("last name")
gettext_noop("email address")
gettext_noop("staff status")
gettext_noop("superuser status")
gettext_noop("groups")
gettext_noop("group")
gettext_noop("permissions")
gettext_noop("user permissions")
gettext_noop("users")
gettext_noop("date joined")
gettext_noop("last login")
gettext_noop("Designates whether the user can log into this admin site.")
gettext_noop(
    "Designates that this user has all permissions without explicitly assigning them."
)
gettext_noop(
    "Designates whether this user should be treated as active. Unselect this instead "
    "of deleting accounts."
)
gettext_noop(
    "The groups this user belongs to. A user will get all permissions granted to each "
    "of their groups."
)
gettext_noop("Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.")
gettext_noop("A user with that username already exists.")
gettext_noop("After you’ve created a user, you’ll be able to edit more user options.")
gettext_noop("After you've created a user, you’ll be able to edit more user options.")
gettext_noop("Change password")
gettext_noop("Change my password")
gettext_noop("Password change")
gettext_noop("Password change successful")
gettext_noop("Change password: %s")
gettext_noop("Set password")
gettext_noop("Set password: %s")
gettext_noop("Reset password")
gettext_noop("Your password was changed.")
gettext_noop("Old password")
gettext_noop("New password")
gettext_noop("New password confirmation")
gettext_noop("Password confirmation")
gettext_noop("Password (again)")
gettext_noop("Enter the same password as before, for verification.")
gettext_noop("Your old password was entered incorrectly. Please enter it again.")
gettext_noop("The two password fields didn’t match.")
gettext_noop(
    "Please enter your old password, for security’s sake, and then enter your new "
    "password twice so we can verify you typed it in correctly."
)
gettext_noop("Enter a new password for the user <strong>%(username)s</strong>.")
gettext_noop(
    "This action will <strong>enable</strong> password-based authentication for this user."
)
gettext_noop("Enable password-based authentication")
gettext_noop("Disable password-based authentication")
gettext_noop("Password-based authentication")
gettext_noop("Password-based authentication was disabled.")
gettext_noop("Enabled")
gettext_noop("Disabled")
gettext_noop(
    "Whether the user will be able to authenticate using a password or not. If "
    "disabled, they may still be able to authenticate using other backends, such as "
    "Single Sign-On or LDAP."
)
gettext_noop("Raw passwords are not stored, so there is no way to see the user’s password.")
gettext_noop(
    "Raw passwords are not stored, so there is no way to see this user’s password, but "
    'you can change the password using <a href="{}" class="text-primary-600 '
    'dark:text-primary-500">this form</a>.'
)
gettext_noop("Enable password-based authentication for this user by setting a password.")
gettext_noop("No password set.")
gettext_noop("Conflicting form data submitted. Please try again.")
gettext_noop("Your password can’t be too similar to your other personal information.")
gettext_noop("Your password can’t be a commonly used password.")
gettext_noop("Your password can’t be entirely numeric.")
gettext_noop("The password is too similar to the %(verbose_name)s.")
gettext_noop("This password is too common.")
gettext_noop("This password is entirely numeric.")
gettext_noop(
    "Enter a valid username. This value may contain only unaccented lowercase a-z and "
    "uppercase A-Z letters, numbers, and @/./+/-/_ characters."
)
gettext_noop(
    "Enter a valid username. This value may contain only letters, numbers, and "
    "@/./+/-/_ characters."
)
ngettext_lazy(
    "Your password must contain at least %(min_length)d character.",
    "Your password must contain at least %(min_length)d characters.",
)
ngettext_lazy(
    "This password is too short. It must contain at least %d character.",
    "This password is too short. It must contain at least %d characters.",
)

# Django: forms and their mistakes.
gettext_noop("This field is required.")
gettext_noop("This field cannot be blank.")
gettext_noop("This field cannot be null.")
gettext_noop("Enter a number.")
gettext_noop("Enter a whole number.")
gettext_noop("Enter a valid date.")
gettext_noop("Enter a valid time.")
gettext_noop("Enter a valid date/time.")
gettext_noop("Enter a valid value.")
gettext_noop("Enter a valid email address.")
gettext_noop("Enter a valid URL.")
gettext_noop("Enter a valid duration.")
gettext_noop("Enter a complete value.")
gettext_noop("Enter a valid JSON.")
gettext_noop("Enter a valid UUID.")
gettext_noop("Enter a list of values.")
gettext_noop("Value must be valid JSON.")
gettext_noop("Enter a valid domain name.")
gettext_noop("Enter a valid “slug” consisting of letters, numbers, underscores or hyphens.")
gettext_noop(
    "Enter a valid “slug” consisting of Unicode letters, numbers, underscores, or hyphens."
)
gettext_noop("Select a valid choice. %(value)s is not one of the available choices.")
gettext_noop("Select a valid choice. That choice is not one of the available choices.")
gettext_noop("%(model_name)s with this %(field_label)s already exists.")
gettext_noop("%(model_name)s with this %(field_labels)s already exists.")
gettext_noop("Please correct the duplicate data for %(field)s.")
gettext_noop("Please correct the duplicate values below.")
gettext_noop("Ensure this value is greater than or equal to %(limit_value)s.")
gettext_noop("Ensure this value is less than or equal to %(limit_value)s.")
gettext_noop("Ensure this value is a multiple of step size %(limit_value)s.")
gettext_noop("Null characters are not allowed.")
gettext_noop("Constraint “%(name)s” is violated.")
gettext_noop("“%(pk)s” is not a valid value.")
gettext_noop("“%(value)s” value must be either True or False.")
gettext_noop("“%(value)s” value must be either True, False, or None.")
gettext_noop("“%(value)s” value must be a decimal number.")
gettext_noop("“%(value)s” value must be an integer.")
gettext_noop(
    "“%(value)s” value has an invalid date format. It must be in YYYY-MM-DD format."
)
gettext_noop(
    "“%(value)s” value has the correct format (YYYY-MM-DD) but it is an invalid date."
)
gettext_noop(
    "ManagementForm data is missing or has been tampered with. Missing fields: "
    "%(field_names)s. You may need to file a bug report if the issue persists."
)
gettext_noop("The inline value did not match the parent instance.")
gettext_noop(
    "%(datetime)s couldn’t be interpreted in time zone %(current_timezone)s; it may be "
    "ambiguous or it may not exist."
)
gettext_noop("That page number is not an integer")
gettext_noop("That page number is less than 1")
gettext_noop("That page contains no results")
ngettext_lazy(
    "Ensure this value has at most %(limit_value)d character (it has %(show_value)d).",
    "Ensure this value has at most %(limit_value)d characters (it has %(show_value)d).",
)
ngettext_lazy(
    "Ensure this value has at least %(limit_value)d character (it has %(show_value)d).",
    "Ensure this value has at least %(limit_value)d characters (it has %(show_value)d).",
)
ngettext_lazy(
    "Ensure that there are no more than %(max)s digit in total.",
    "Ensure that there are no more than %(max)s digits in total.",
)
ngettext_lazy(
    "Ensure that there are no more than %(max)s decimal place.",
    "Ensure that there are no more than %(max)s decimal places.",
)
ngettext_lazy(
    "Ensure that there are no more than %(max)s digit before the decimal point.",
    "Ensure that there are no more than %(max)s digits before the decimal point.",
)
ngettext_lazy("Please submit at most %(num)d form.", "Please submit at most %(num)d forms.")
ngettext_lazy(
    "Please submit at least %(num)d form.", "Please submit at least %(num)d forms."
)
ngettext_lazy("%(num)d year", "%(num)d years")
ngettext_lazy("%(num)d month", "%(num)d months")
ngettext_lazy("%(num)d week", "%(num)d weeks")
ngettext_lazy("%(num)d day", "%(num)d days")
ngettext_lazy("%(num)d hour", "%(num)d hours")
ngettext_lazy("%(num)d minute", "%(num)d minutes")
