using System.Collections.Frozen;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>On whose behalf something is done. Every public method of this project takes one.</summary>
public sealed class Caller
{
    /// <summary>Makes a caller.</summary>
    /// <param name="projectId">The project of the token: the owner of what the caller creates; null for a token without a project.</param>
    /// <param name="userId">The user, for logs and tasks.</param>
    /// <param name="roles">Role names as the identity service gave them; kept in lower case.</param>
    public Caller(string? projectId, string? userId, IEnumerable<string> roles)
    {
        ProjectId = string.IsNullOrEmpty(projectId) ? null : projectId;
        UserId = string.IsNullOrEmpty(userId) ? null : userId;
        Roles = roles.Select(r => r.Trim().ToLowerInvariant()).Where(r => r.Length > 0).ToFrozenSet(StringComparer.Ordinal);
        IsAdmin = Roles.Contains("admin");
    }

    private Caller(Caller caller, FrozenSet<string> serviceRoles)
    {
        (ProjectId, UserId, Roles, IsAdmin) = (caller.ProjectId, caller.UserId, caller.Roles, caller.IsAdmin);
        (DomainId, SystemScope, ServiceRoles, IdentityToken) = (caller.DomainId, caller.SystemScope, serviceRoles, caller.IdentityToken);
    }

    /// <summary>The project.</summary>
    public string? ProjectId { get; }

    /// <summary>The user.</summary>
    public string? UserId { get; }

    /// <summary>The system that the token is for (<c>all</c>); null for a token of a project.</summary>
    public string? SystemScope { get; init; }

    /// <summary>The domain that the token is for; null for a token of a project.</summary>
    public string? DomainId { get; init; }

    /// <summary>The token that the identity service gave the caller, to ask other services as the caller while its request lasts; null for none.
    /// A secret: never to be printed or kept.</summary>
    public string? IdentityToken { get; private init; }

    /// <summary>Lower-case role names.</summary>
    public FrozenSet<string> Roles { get; }

    /// <summary>Lower-case roles of the service that passes the caller's request on, proven by a token of its own; empty for none.</summary>
    public FrozenSet<string> ServiceRoles { get; private init; } = [];

    /// <summary>Whether the caller acts on every project's images.</summary>
    public bool IsAdmin { get; }

    /// <summary>What the registry lets this caller see.</summary>
    public ImageViewer Viewer => new(ProjectId, IsAdmin);

    /// <summary>The same caller, whose request a service passes on.</summary>
    /// <param name="service">As whom the service has identified itself.</param>
    public Caller Through(Caller service) => new(this, service.Roles);

    /// <summary>The same caller with its token.</summary>
    public Caller WithToken(string token) => new(this, ServiceRoles) { IdentityToken = token };

    /// <summary>The gateway itself, for its own background work.</summary>
    public static Caller Gateway { get; } = new(null, "glance-gateway", ["admin"]);
}
