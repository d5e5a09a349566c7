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
}

/// <summary>A user with a password, in a project. Users and projects are named within their domains.</summary>
public sealed class PasswordCredential(string userName, string userDomain, string password, string projectName, string projectDomain) : KeystoneCredential
{
    /// <inheritdoc/>
    public override string ToString() => $"user '{userName}' in project '{projectName}'";

    internal override LoginRequest Request() => new(new(
        new(["password"], new(new(userName, password, new(null, userDomain))), null),
        new(new(projectName, new(null, projectDomain)))));
}

/// <summary>An application credential: it names user and project by itself.</summary>
public sealed class ApplicationCredential(string id, string secret) : KeystoneCredential
{
    /// <inheritdoc/>
    public override string ToString() => $"application credential {id}";

    internal override LoginRequest Request() => new(new(new(["application_credential"], null, new(id, secret)), null));
}
