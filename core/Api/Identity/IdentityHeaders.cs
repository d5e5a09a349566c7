using GlanceGateway.Images;
using Microsoft.AspNetCore.Http;

namespace GlanceGateway.Api;

/// <summary>The headers in which OpenStack's token middleware hands over whom it has identified.</summary>
internal static class IdentityHeaders
{
    private static readonly string[] All =
    [
        "X-Identity-Status", "X-User-Id", "X-User-Name", "X-User-Domain-Id", "X-User-Domain-Name", "X-User",
        "X-Project-Id", "X-Project-Name", "X-Project-Domain-Id", "X-Project-Domain-Name", "X-Tenant-Id", "X-Tenant-Name", "X-Tenant",
        "X-Domain-Id", "X-Domain-Name", "OpenStack-System-Scope", "X-Roles", "X-Role", "X-Is-Admin-Project", "X-Service-Catalog",
        "X-Service-Identity-Status", "X-Service-User-Id", "X-Service-User-Name", "X-Service-User-Domain-Id", "X-Service-User-Domain-Name",
        "X-Service-Project-Id", "X-Service-Project-Name", "X-Service-Project-Domain-Id", "X-Service-Project-Domain-Name", "X-Service-Roles",
    ];

    /// <summary>Takes them off a request, so that nothing behind can believe them.</summary>
    /// <returns>Whether there were any.</returns>
    public static bool Remove(IHeaderDictionary headers)
    {
        var any = false;
        foreach (var name in All)
            any |= headers.Remove(name);
        return any;
    }

    /// <summary>The caller they name.</summary>
    /// <returns>Null unless they confirm one. A header that comes twice confirms nobody: a proxy that adds instead of replacing lets the
    /// client's own value through beside its own.</returns>
    public static Caller? Read(IHeaderDictionary headers)
    {
        foreach (var name in All)
        {
            if (headers[name].Count > 1)
                return null;
        }
        if (headers["X-Identity-Status"] != "Confirmed")
            return null;
        var caller = new Caller(
            First(headers, "X-Project-Id", "X-Tenant-Id", "X-Tenant"),
            First(headers, "X-User-Id", "X-User"),
            (First(headers, "X-Roles", "X-Role") ?? "").Split(','))
        {
            DomainId = First(headers, "X-Domain-Id"),
            SystemScope = First(headers, "OpenStack-System-Scope"),
        };
        return headers["X-Service-Identity-Status"] == "Confirmed"
            ? caller.Through(new(First(headers, "X-Service-Project-Id"), First(headers, "X-Service-User-Id"), (First(headers, "X-Service-Roles") ?? "").Split(',')))
            : caller;
    }

    private static string? First(IHeaderDictionary headers, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (headers[name].ToString() is { Length: > 0 } value)
                return value;
        }
        return null;
    }
}
