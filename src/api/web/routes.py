"""All pages."""

from litestar.types import ControllerRouterHandler

from api.web.admin.audit_export import FORMATS
from api.web.assets import asset
from api.web.controllers.account import AccountPages
from api.web.controllers.admin.audit import AuditExports, AuditPages
from api.web.controllers.admin.invitation import InvitationPages
from api.web.controllers.admin.keys import KeyPages
from api.web.controllers.admin.mail import MailPages
from api.web.controllers.admin.overview import OverviewPage
from api.web.controllers.admin.settings import SettingsPage
from api.web.controllers.admin.user_actions import UserActionPages
from api.web.controllers.admin.users import UserPages
from api.web.controllers.email import EmailPages
from api.web.controllers.home import HomePage
from api.web.controllers.identities import IdentityPages
from api.web.controllers.links import LinkPages
from api.web.controllers.login import LoginPages
from api.web.controllers.personal_data import PersonalDataPages
from api.web.controllers.registration import RegistrationPages
from api.web.controllers.security import SecurityPages
from api.web.controllers.step_up import StepUpPages

PAGES: list[ControllerRouterHandler] = [
    HomePage,
    LoginPages,
    RegistrationPages,
    AccountPages,
    EmailPages,
    PersonalDataPages,
    SecurityPages,
    IdentityPages,
    StepUpPages,
]
LINK_PAGES: list[ControllerRouterHandler] = [LinkPages, asset]
"""Where mails lead to, and what these pages need: also where there are no other pages."""
EXPORTS = frozenset(f"/admin/audit.{ending}" for ending in FORMATS)
"""The paths where GET is recorded."""
ADMIN_PAGES: list[ControllerRouterHandler] = [
    OverviewPage,
    UserPages,
    InvitationPages,
    UserActionPages,
    AuditPages,
    AuditExports,
    KeyPages,
    MailPages,
    SettingsPage,
]
