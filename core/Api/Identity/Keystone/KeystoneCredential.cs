namespace GlanceGateway.Api;

/// <summary>What the gateway logs in with. Its text form never shows the secret.</summary>
public abstract class KeystoneCredential
{
    private protected KeystoneCredential()
    {
    }

    /// <summary>As whom, for messages.</summary>
    public abstract override string ToString();

    /// <summary>The body of the login.</summary>
    internal abstract LoginRequest Request();

    /// <summary>The body of a login for the whole system; null when it cannot be used for that.</summary>
    internal virtual LoginRequest? SystemRequest() => null;
}

/// <summary>A user with a password, in a project. Users and projects are named within their domains.</summary>
public sealed class PasswordCredential(string userName, string userDomain, string password, string projectName, string projectDomain) : KeystoneCredential
{
    /// <inheritdoc/>
    public override string ToString() => $"user '{userName}' in project '{projectName}'";

    internal override LoginRequest Request() => new(new(
        Identity(),
        new(new(projectName, new(null, projectDomain)))));

    internal override LoginRequest SystemRequest() => new(new(Identity(), new(null, new TokenSystem(true))));

    private LoginIdentity Identity() => new(["password"], new(new(userName, password, new(null, userDomain))), null);
}

/// <summary>An application credential: it names user and project by itself.</summary>
public sealed class ApplicationCredential(string id, string secret) : KeystoneCredential
{
    /// <inheritdoc/>
    public override string ToString() => $"application credential {id}";

    internal override LoginRequest Request() => new(new(new(["application_credential"], null, new(id, secret)), null));
}
