"""Lists, forms, menus and messages of the console (Django, Unfold)."""

from django.utils.translation import gettext_noop, ngettext_lazy

# Django: the console.
gettext_noop("Save")
gettext_noop("Save and continue editing")
gettext_noop("Save and add another")
gettext_noop("Save as new")
gettext_noop("Save and view")
gettext_noop("Close")
gettext_noop("Add")
gettext_noop("Change")
gettext_noop("View")
gettext_noop("Delete")
gettext_noop("Delete?")
gettext_noop("Cancel")
gettext_noop("Search")
gettext_noop("Filter")
gettext_noop("Filters")
gettext_noop("All")
gettext_noop("Any date")
gettext_noop("Past 7 days")
gettext_noop("No date")
gettext_noop("Empty")
gettext_noop("Not empty")
gettext_noop("None")
gettext_noop("None available")
gettext_noop("Unknown")
gettext_noop(" By %(filter_title)s ")
gettext_noop("Clear all filters")
gettext_noop("Add %s")
gettext_noop("Change %s")
gettext_noop("View %s")
gettext_noop("Select %s")
gettext_noop("Select %s to change")
gettext_noop("Select %s to view")
gettext_noop("Add another %(verbose_name)s")
gettext_noop("Add another %(model)s")
gettext_noop("Change selected %(model)s")
gettext_noop("View selected %(model)s")
gettext_noop("Delete selected %(model)s")
gettext_noop("Delete selected %(verbose_name_plural)s")
gettext_noop("Successfully deleted %(count)d %(items)s.")
gettext_noop("Cannot delete %(name)s")
gettext_noop("Are you sure?")
gettext_noop("Yes, I’m sure")
gettext_noop("No, take me back")
gettext_noop("Objects")
gettext_noop("Summary")
gettext_noop(
    "Deleting the %(object_name)s '%(escaped_object)s' would result in deleting "
    "related objects, but your account doesn't have permission to delete the following "
    "types of objects:"
)
gettext_noop(
    "Deleting the %(object_name)s '%(escaped_object)s' would require deleting the "
    "following protected related objects:"
)
gettext_noop(
    'Are you sure you want to delete the %(object_name)s "%(escaped_object)s"? All of '
    "the following related items will be deleted:"
)
gettext_noop("Delete multiple objects")
gettext_noop(
    "Deleting the selected %(objects_name)s would result in deleting related objects, "
    "but your account doesn't have permission to delete the following types of objects:"
)
gettext_noop(
    "Deleting the selected %(objects_name)s would require deleting the following "
    "protected related objects:"
)
gettext_noop(
    "Are you sure you want to delete the selected %(objects_name)s? All of the "
    "following objects and their related items will be deleted:"
)
gettext_noop("The {name} “{obj}” was added successfully.")
gettext_noop("The {name} “{obj}” was added successfully. You may edit it again below.")
gettext_noop("The {name} “{obj}” was added successfully. You may add another {name} below.")
gettext_noop("The {name} “{obj}” was changed successfully.")
gettext_noop("The {name} “{obj}” was changed successfully. You may edit it again below.")
gettext_noop(
    "The {name} “{obj}” was changed successfully. You may add another {name} below."
)
gettext_noop("The %(name)s “%(obj)s” was deleted successfully.")
gettext_noop("You may edit it again below.")
gettext_noop("%(name)s with ID “%(key)s” doesn’t exist. Perhaps it was deleted?")
gettext_noop(
    "Items must be selected in order to perform actions on them. No items have been "
    "changed."
)
gettext_noop("No action selected.")
gettext_noop("Action")
gettext_noop("Action:")
gettext_noop("Go")
gettext_noop("Run the selected action")
gettext_noop("Select this object for an action - {}")
gettext_noop("Select all objects on this page for an action")
gettext_noop("0 of %(cnt)s selected")
gettext_noop("Click here to select the objects across all pages")
gettext_noop("Select all %(total_count)s %(module_name)s")
gettext_noop("Clear selection")
gettext_noop("Toggle sorting")
gettext_noop("Remove from sorting")
gettext_noop("Sorting priority: %(priority_number)s")
gettext_noop("Hide counts")
gettext_noop("Show counts")
gettext_noop("%(full_result_count)s total")
gettext_noop("Show all")
gettext_noop("Error:")
gettext_noop("You don’t have permission to view or edit anything.")
gettext_noop("Models in the %(name)s application")
gettext_noop("Recent actions")
gettext_noop("My actions")
gettext_noop("Unknown content")
gettext_noop("User")
gettext_noop("Date/time")
gettext_noop("Change history: %s")
gettext_noop(
    "This object doesn’t have a change history. It probably wasn’t added via this "
    "admin site."
)
gettext_noop("Added.")
gettext_noop("Added “%(object)s”.")
gettext_noop("Added {name} “{object}”.")
gettext_noop("Changed “%(object)s” — %(changes)s")
gettext_noop("Changed {fields}.")
gettext_noop("Changed {fields} for {name} “{object}”.")
gettext_noop("No fields changed.")
gettext_noop("View site")
gettext_noop("View on site")
gettext_noop("Log in")
gettext_noop("Log out")
gettext_noop("Log in again")
gettext_noop("Thanks for spending some quality time with the web site today.")
gettext_noop(
    "You are authenticated as %(username)s, but are not authorized to access this "
    "page. Would you like to login to a different account?"
)
gettext_noop(
    "Please enter the correct %(username)s and password for a staff account. Note that "
    "both fields may be case-sensitive."
)
gettext_noop("Forgotten your password or username?")
gettext_noop("Forgotten your login credentials?")
gettext_noop("Django site admin")
gettext_noop("Django administration")
gettext_noop("Site administration")
gettext_noop("Breadcrumbs")
gettext_noop("Model name")
gettext_noop("Add link")
gettext_noop("Change or view list link")
gettext_noop("Skip to main content")
gettext_noop("Toggle navigation")
gettext_noop("Sidebar")
gettext_noop("Filter navigation items")
gettext_noop("Start typing to filter…")
gettext_noop("Toggle theme (current theme: auto)")
gettext_noop("Toggle theme (current theme: light)")
gettext_noop("Toggle theme (current theme: dark)")
gettext_noop("Currently:")
gettext_noop("Change:")
gettext_noop("Date:")
gettext_noop("Time:")
gettext_noop("Hold down “Control”, or “Command” on a Mac, to select more than one.")
gettext_noop("%(class_name)s %(instance)s")
gettext_noop(
    "Deleting %(class_name)s %(instance)s would require deleting the following "
    "protected related objects: %(related_objects)s"
)
gettext_noop("Yes")
gettext_noop("No")
gettext_noop("Download")
gettext_noop("Submit")
ngettext_lazy(
    "%(count)s %(name)s was changed successfully.",
    "%(count)s %(name)s were changed successfully.",
)
ngettext_lazy("%(total_count)s selected", "All %(total_count)s selected")
ngettext_lazy("%(counter)s result", "%(counter)s results")
ngettext_lazy("entry", "entries")
ngettext_lazy("Please correct the error below.", "Please correct the errors below.")

# Unfold.
gettext_noop("Select record")
gettext_noop("Select action")
gettext_noop("Select action to run")
gettext_noop("Select value")
gettext_noop("Run")
gettext_noop("More actions")
gettext_noop("Apply Filters")
gettext_noop("Reset filters")
gettext_noop("From")
gettext_noop("To")
gettext_noop("Date from")
gettext_noop("Date to")
gettext_noop("Date")
gettext_noop("Not enough data.")
gettext_noop("Add new item")
gettext_noop("Add row")
gettext_noop("Expand row")
gettext_noop("Collapse")
gettext_noop("Select all rows")
gettext_noop("Type to search")
gettext_noop("Search apps and models...")
gettext_noop("Recent searches")
gettext_noop("No recent searches")
gettext_noop("No results matching your query")
gettext_noop("Loading more results...")
gettext_noop("No results found")
gettext_noop("This page yielded into no results. Create a new item or reset your filters.")
gettext_noop("No data")
gettext_noop("Previous")
gettext_noop("Next")
gettext_noop("Go back")
gettext_noop("Return to site")
gettext_noop("All applications")
gettext_noop("Welcome back to")
gettext_noop("You have been successfully logged out from the administration")
gettext_noop("Light")
gettext_noop("Dark")
gettext_noop("General")
gettext_noop("True")
gettext_noop("False")
gettext_noop("This item will be deleted.")
gettext_noop("Click to cancel")
gettext_noop("Choose file to upload")
gettext_noop("Click to download")
gettext_noop("Image preview")
gettext_noop("Record picture")
gettext_noop("Toggle password visibility")
gettext_noop("You can not create nested object without parent")
gettext_noop("Select currency")
ngettext_lazy(
    "\n                Found %(counter)s result in %(time)s seconds\n            ",
    "\n                Found %(counter)s results in %(time)s seconds\n            ",
)
